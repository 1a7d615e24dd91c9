import { expect, test } from 'vitest'
import { mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { describeAt } from '../../test/real-server.ts'
import { hashOf } from './mariadb-account.ts'
import type { Credential } from './port.ts'

const privilege = 'account:billing_emergency'
const account = 'billing_emergency'

/** What is MariaDB's own of a shared account; all else is in shared-account.contract.ts. */
describeAt('MariaDB', () => {
  const { at, open, end, close } = mariadbGrantee({ evidence: 'general_log' })

  const checkOut = () => open({ privilege })
  const rotate = async () => {
    const probes = await at.connector.rotate?.(account)
    return probes?.map(({ probe, absent }) => `${probe}: ${absent}`)
  }
  const proven = ['old_secret: true', 'new_secret_refused: true']
  const sealed = async (): Promise<Credential> => {
    const { current } = await at.lab.vault.secrets(at.lab.target, account)
    return {
      MYSQL_HOST: '127.0.0.1',
      MYSQL_TCP_PORT: String(at.lab.server.port),
      MYSQL_USER: account,
      MYSQL_PWD: current ?? 'none',
    }
  }

  test('EN-20 of its secret MariaDB has one hash, and its log nothing', async () => {
    await rotate()
    const { MYSQL_PWD: secret = '' } = await sealed()
    const [known] = await at.lab.asRoot((root) =>
      root.query('select 1 from mysql.global_priv where instr(Priv, ?)', [hashOf(secret)]),
    )
    expect(known).toHaveLength(1)
    expect(await at.lab.log()).not.toContain(secret)
  })

  test('EN-26 a sealed account that is used without a grant, changed or locked by hand is told', async () => {
    const strangers = () => at.connector.strangers?.(at.lab.target)
    await rotate()
    expect(await strangers()).toEqual([])
    const db = await at.lab.login(await sealed())
    const used = { what: 'sealed_account_used', object: `${account} from 127.0.0.1` }
    expect(await strangers()).toEqual([used])
    await db.query(`set password = password('theirs')`)
    expect(await strangers()).toEqual([
      { what: 'shared_account_changed', object: account },
      used,
    ])
    await db.end()
    await at.lab.server.run(`alter user ${account}@'%' account lock;`)
    expect(await strangers()).toContainEqual({
      what: 'sealed_account_locked',
      object: account,
    })
    expect(await rotate()).toEqual(proven)
    expect(await strangers()).toEqual([])
    const inside = await at.lab.login(await checkOut())
    expect(await strangers()).toEqual([])
    await inside.end()
    await end()
    await close()
    await rotate()
  })

  test('session evidence of a shared account begins when it was checked out', async () => {
    await rotate()
    const own = await at.lab.login(await sealed())
    await own.query('select 4711')
    await own.end()
    const db = await at.lab.login(await checkOut())
    await db.query('select 4712')
    await end()
    at.books.shelf.drop(at.grant, at.lab.target)
    const evidence = await at.connector.evidence?.(at.grant, at.lab.target)
    expect(evidence?.text).toContain('4712')
    expect(evidence?.text).not.toContain('4711')
    at.books.become(at.grant, 'closing')
    await rotate()
    await at.connector.cleanup(at.grant, at.lab.target)
  })
})
