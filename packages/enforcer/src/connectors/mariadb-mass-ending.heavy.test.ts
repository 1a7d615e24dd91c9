import type { GrantId } from '@halligan/core'
import { expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { isAlive, mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { describeAt } from '../../test/real-server.ts'
import { accountOf } from './mariadb-account.ts'

/** Many grants that end at one moment share the work, and each gets its own answer. */
describeAt('MariaDB', () => {
  const { at, open, end, present, close } = mariadbGrantee()

  const several = (count: number): readonly GrantId[] =>
    Array.from({ length: count }, () => freshGrant())
  const callsOf = async (procedure: string): Promise<number> =>
    (await at.lab.log()).split(`call halligan.${procedure}(`).length - 1

  test('EN-01 sessions of all of them are ended, and all are proven absent', async () => {
    const grants = several(12)
    const inside = []
    for (const grant of grants) {
      const db = await at.lab.login(await open({ grant }))
      await db.query('set role billing_repair')
      inside.push(db)
    }
    const alone = await callsOf('lock_account')
    await Promise.all(grants.map((grant) => end(grant)))
    expect(await callsOf('lock_account')).toBe(alone)
    expect(await Promise.all(inside.map(isAlive))).toEqual(inside.map(() => false))
    const probes = await Promise.all(grants.map((grant) => present(grant)))
    expect(probes.flat()).toEqual([])
    for (const grant of grants) await close(grant)
  })

  test('EN-11 some that are gone already and some that never were succeed beside the others', async () => {
    const [gone, never, real] = [freshGrant(), freshGrant(), freshGrant()]
    await open({ grant: gone })
    await open({ grant: real })
    await at.lab.server.run(`drop user ${accountOf(gone)}@'%';`)
    await Promise.all([gone, never, real].map((grant) => end(grant)))
    for (const grant of [gone, never, real]) expect(await present(grant)).toEqual([])
  })

  test('EN-14 one who locks the whole server keeps nobody in', async () => {
    await at.lab.server.run(`create role flusher; grant reload, select on *.* to flusher;
      grant flusher to halligan_definer@localhost with admin option;`)
    const grants = several(6)
    for (const grant of grants.slice(1)) await open({ grant })
    const [first] = grants
    const db = await at.lab.login(
      await open({ grant: first ?? at.grant, privilege: 'role:flusher' }),
    )
    await db.query('flush tables with read lock')
    const started = performance.now()
    await Promise.all(grants.map((grant) => end(grant)))
    expect(performance.now() - started).toBeLessThan(5_000)
    for (const grant of grants) expect(await present(grant)).toEqual([])
  })

  test('EN-14 a lock that is not the grantee’s holds up an ending, which says so and succeeds later', async () => {
    const grants = several(2)
    for (const grant of grants) await open({ grant })
    await at.lab.asRoot(async (backup) => {
      await backup.query('flush tables with read lock')
      const failed = await Promise.allSettled(grants.map((grant) => end(grant)))
      expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      for (const grant of grants) expect(await present(grant)).toContain('global_priv')
      await backup.query('unlock tables')
    })
    await Promise.all(grants.map((grant) => end(grant)))
    for (const grant of grants) expect(await present(grant)).toEqual([])
  })

  test('a thief of the connector’s credential cannot end anything else by it', async () => {
    await at.lab.asConnector(async (thief) => {
      await at.lab.asMallory(async (mallory) => {
        const names = JSON.stringify(['mallory', 'root', 'ops', "x' or '1"])
        await thief.query('call halligan.for_each_account(?, ?)', ['lock', names])
        await thief.query('call halligan.for_each_account(?, ?)', ['drop', names])
        await thief.query('call halligan.kill_sessions_of(?)', [names])
        expect(await isAlive(mallory)).toBe(true)
      })
    })
    await at.lab.asMallory((mallory) => mallory.query('select 1'))
  })
})
