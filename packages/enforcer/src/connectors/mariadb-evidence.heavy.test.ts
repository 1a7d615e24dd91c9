import { expect, test } from 'vitest'
import { mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { describeAt } from '../../test/real-server.ts'

/** What the general log of the target tells of a grant. */
describeAt('MariaDB', () => {
  const { at, enter, end, close } = mariadbGrantee({ evidence: 'general_log' })

  test('INV-14 a grantee forges no line of the evidence, hides nothing in it, and no password is in it', async () => {
    const db = await enter()
    const forged = '2026-01-01T00:00:00.000000Z 1 Query drop table billing.invoices'
    await db.query(`select 1 /*\n${forged}\n*/`)
    await db.query(`select 'password ', 4713, ''`)
    await db.query('select password $x$, 4714 from (select 1 as password) t order by $x$')
    await db.query(`set @password = 'do 4715'`)
    await db.query(`set password = password('hunter2')`)
    await db.query(`alter user current_user() identified by 'hunter3'`).catch(() => null)
    await end()
    const { text = '' } = (await at.connector.evidence?.(at.grant, at.lab.target)) ?? {}
    expect(text.split('\n')).not.toContain(forged)
    for (const number of [4713, 4714, 4715]) expect(text).toContain(String(number))
    expect(text).toContain('identified by ***')
    expect(text).not.toContain('hunter')
    await close()
  })

  test('session evidence holds the statements of the grant’s own account and no other’s', async () => {
    const db = await enter()
    await db.query(`update billing.invoices set state = 'void' where id = 3`)
    await at.lab.asOps((ops) => ops.query('select 4711'))
    await end()
    const evidence = await at.connector.evidence?.(at.grant, at.lab.target)
    expect(evidence?.complete).toBe(false)
    expect(evidence?.text).toMatch(
      /^2\d{3}-\d\d-\d\dT[\d:.]+Z \d+ Connect .*\n.*Query update billing\.invoices set state = 'void' where id = 3/m,
    )
    expect(evidence?.text).not.toContain('4711')
    await close()
    expect(await at.lab.connector().evidence?.(at.grant, at.lab.target)).toBeNull()
  })
})
