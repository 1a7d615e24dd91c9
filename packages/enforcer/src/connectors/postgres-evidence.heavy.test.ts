import { chown, mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import type { Connector, Credential, Held, SessionEvidence } from './port.ts'

describe.each(installations)('evidence of sessions at $name', ({ binaries }) => {
  let logFolder: string
  let lab: PostgresLab
  let connector: Connector

  beforeEach(async () => {
    logFolder = await mkdtemp(join(tmpdir(), 'halligan-pglog-'))
    if (process.getuid?.() === 0) await giveToNobody(logFolder)
    lab = await openPostgresLab(binaries, {
      logging_collector: 'on',
      log_destination: 'jsonlog',
      log_directory: logFolder,
    })
    await lab.asSuperuser((root) =>
      root.query('grant set on parameter log_statement to halligan_connector'),
    )
    connector = lab.connector({ evidence: { logFolder } })
    await connector.open()
  })
  afterEach(async () => {
    await connector.close()
    await lab.remove()
    await rm(logFolder, { recursive: true })
  })

  const giveToNobody = (folder: string) => chown(folder, 65534, 65534)
  const opened = async (grant: GrantId): Promise<Credential> => {
    const now = await lab.now()
    const applied = await connector.apply({
      ...{ grant, target: lab.target, requester: 'ada' as PrincipalId, overlapKey: 'x' },
      privileges: ['role:payments_repair'],
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + 900_000) as Instant,
    })
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const evidenceOf = async (grant: GrantId) => {
    await connector.end(grant, lab.target)
    const evidence = await connector.evidence?.(grant, lab.target)
    if (!evidence) throw new Error('there is no evidence')
    return evidence
  }

  test('every statement of the grant, whatever it became by SET ROLE, and nobody else’s', async () => {
    const grant = freshGrant()
    const db = await lab.login(await opened(grant))
    await db.query('set role payments_repair')
    await db.query(`update payments.batches set worker = 'mallory' where id = $1`, [29])
    await db.query('select nonsense').catch(() => undefined)
    await lab.asOps((ops) => ops.query(`select 'of somebody else'`))
    const { text, complete, what } = await evidenceOf(grant)
    expect(what).toBe('postgres_log')
    expect(text).toContain('set role payments_repair')
    expect(text).toContain(`set worker = 'mallory'`)
    expect(text).toContain(`$1 = '29'`)
    expect(text).toContain('column \\"nonsense\\" does not exist')
    expect(text).not.toContain('somebody else')
    expect(complete).toBe(true)
    await connector.cleanup(grant, lab.target)
  })

  test('a grantee cannot lift it, hides nothing in it, and no password of theirs is kept', async () => {
    const grant = freshGrant()
    const db = await lab.login(await opened(grant))
    const own = (await db.query('select session_user as own')).rows[0]?.own
    await expect(db.query(`set log_statement = 'none'`)).rejects.toThrow(/permission/)
    await expect(db.query(`alter role ${own} reset log_statement`)).rejects.toThrow(
      /permission/,
    )
    await db.query(`alter role ${own} password 'hunter2'`)
    await db.query(`alter role ${own} password $$hunter3$$`)
    await db.query(`select 'password '; select 4713; select ''`)
    await db.query('select 1 as password\u00a0$x$, 4714 as password\u00a0$x$')
    await db.query(`select $\u00e9$ password '$\u00e9$, 4715, $\u00e9$'$\u00e9$`)
    await db.query({ name: `password '`, text: `select 4716, ''` })
    await db.query(`set my.password = 'select 4717'`)
    await db.query({ text: `alter role ${own} password 'hunter4'`, values: [] })
    await db.query({ name: 'S_1', text: `alter role ${own} password 'hunter5'` })
    await db.query('select 1 -- after all that')
    const { text, complete } = await evidenceOf(grant)
    expect(text).toContain('after all that')
    expect(text).not.toMatch(/hunter/)
    for (const number of [4713, 4714, 4715, 4716, 4717])
      expect(text).toContain(String(number))
    expect(complete).toBe(true)
    await connector.cleanup(grant, lab.target)
  })

  test('of a shared account, what was done since it was checked out and nothing before, forged marks or not', async () => {
    const name = 'payments_emergency'
    await lab.makeAccount(name)
    let held: Held[] = []
    const ports = memoryPorts(() => held)
    const own = lab.connector({ evidence: { logFolder }, accounts: [name] }, ports)
    await connector.close()
    await own.open()
    const reviewed: SessionEvidence[] = []
    const grants = { ada: freshGrant(), bob: freshGrant() }
    for (const [requester, grant] of Object.entries(grants)) {
      const now = await lab.now()
      const asked = {
        ...{ grant, requester: requester as PrincipalId },
        ...{ privileges: [`account:${name}`], phase: 'standing' as const },
      }
      held = [asked]
      const applied = await own.apply({
        ...{ ...asked, target: lab.target, overlapKey: 'x' },
        applyBefore: (now + 60_000) as Instant,
        deadline: (now + 900_000) as Instant,
      })
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      const db = await lab.login(applied.credential)
      await db.query(`select 'done by ${requester}'`)
      const forged = `halligan: ${grant} has ${name}`
      await db.query(`do $$ begin raise log '${forged}'; end $$`)
      await db.query(`select 'and more by ${requester}'`)
      held = [{ ...asked, phase: 'ending' }]
      await own.end(grant, lab.target)
      held = [{ ...asked, phase: 'closing' }]
      await own.rotate?.(name)
      const evidence = await own.evidence?.(grant, lab.target)
      if (evidence) reviewed.push(evidence)
      await own.cleanup(grant, lab.target)
    }
    const [byAda, byBob] = reviewed
    for (const [evidence, who] of [
      [byAda, 'ada'],
      [byBob, 'bob'],
    ] as const) {
      expect(evidence?.text).toContain(`done by ${who}`)
      expect(evidence?.text).toContain(`and more by ${who}`)
      expect(evidence?.complete).toBe(true)
    }
    expect(byBob?.text).not.toContain('by ada')
    const setting = 'select from pg_db_role_setting'
    expect((await lab.asSuperuser((root) => root.query(setting))).rowCount).toBe(0)
    await own.close()
    await connector.open()
  })

  test('logs of before the grant are not read, however large, and one that begins later is not called complete', async () => {
    const grant = freshGrant()
    const db = await lab.login(await opened(grant))
    await db.query(`select 'in the log'`)
    const older = join(logFolder, 'older.json')
    await writeFile(older, '')
    await truncate(older, 300 * 1024 * 1024)
    await utimes(older, 1, 1)
    const { text, complete } = await evidenceOf(grant)
    expect(text).toContain('in the log')
    expect(complete).toBe(true)
    for (const name of await readdir(logFolder))
      if (name !== 'older.json') await truncate(join(logFolder, name), 0)
    expect((await evidenceOf(grant)).complete).toBe(false)
    await connector.cleanup(grant, lab.target)
  })

  test('a log that somebody stopped, or that is not there, is not called complete', async () => {
    const grant = freshGrant()
    await (await lab.login(await opened(grant))).end()
    const role = `halligan_g_${grant.slice(2)}`
    await lab.asSuperuser((root) => root.query(`alter role ${role} reset log_statement`))
    expect((await evidenceOf(grant)).complete).toBe(false)
    await connector.cleanup(grant, lab.target)
    const elsewhere = lab.connector({ evidence: { logFolder: '/nowhere' } })
    await expect(elsewhere.evidence?.(grant, lab.target)).rejects.toThrow(/ENOENT/)
    expect(await lab.connector().evidence?.(grant, lab.target)).toBe(null)
  })

  test('what the log needs and the connector may not is told before the night', async () => {
    const lacks = () => connector.lacks?.(lab.target, [])
    expect(await lacks()).toEqual([])
    await lab.asSuperuser(async (root) => {
      await root.query('revoke set on parameter log_statement from halligan_connector')
      await root.query('revoke usage on language plpgsql from public')
    })
    expect(await lacks()).toEqual([
      expect.stringContaining('log_statement'),
      expect.stringContaining('plpgsql'),
    ])
    await expect(opened(freshGrant())).rejects.toThrow(/permission denied/)
    expect(await lab.connector().lacks?.(lab.target, [])).toEqual([])
  })

  test('a whole grant with evidence leaves no difference behind', async () => {
    const grant = freshGrant()
    const before = await connector.snapshot(lab.target)
    await opened(grant)
    expect(
      connector.difference(before, await connector.snapshot(lab.target), grant),
    ).toEqual([])
    await evidenceOf(grant)
    await connector.cleanup(grant, lab.target)
    expect(await connector.snapshot(lab.target)).toBe(before)
  })
})
