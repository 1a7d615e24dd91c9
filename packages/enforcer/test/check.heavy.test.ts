import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { check } from '../src/check.ts'
import { pathsIn } from '../src/config.ts'
import { type EnforcerProcess, enforcerProcess } from './enforcer-process.ts'
import { installations, openPostgresLab, type PostgresLab } from './postgres-lab.ts'

const program = new URL('../bin/halligan-enforcer.js', import.meta.url).pathname
const role = 'role:payments_repair'

describe.each(installations)('enforcer check at $name', ({ binaries }) => {
  let lab: PostgresLab
  let it: EnforcerProcess
  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
  })
  afterAll(() => lab.remove())
  beforeEach(async () => {
    it = await enforcerProcess(
      lab.target,
      { kind: 'postgres', url: { file: lab.urlFile } },
      [role],
    )
  })
  afterEach(() => it.remove())

  const failures = async () => (await check(it.dir)).filter(({ state }) => state === 'fail')
  const setUrl = (url: string) => {
    const file = join(it.dir, 'connector.url')
    writeFileSync(file, url, { mode: 0o600 })
    setTarget({ kind: 'postgres', url: { file } })
  }
  const setTarget = (settings: object) => {
    const path = pathsIn(it.dir).config
    const config = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...config, targets: { [lab.target]: settings } }))
  }
  const guardPrivilege = (privilege: string) => {
    const { guard } = pathsIn(it.dir)
    writeFileSync(guard, readFileSync(guard, 'utf8').replaceAll(role, privilege))
  }
  const guardRole = (name: string) => guardPrivilege(`role:${name}`)
  const connectorUrl = (changed: Partial<URL>): string =>
    Object.assign(new URL(readFileSync(lab.urlFile, 'utf8').trim()), changed).href

  test('what is right fails nothing, and changes nothing', async () => {
    const before = await lab.connector().snapshot(lab.target)
    expect(await failures()).toEqual([])
    expect(await lab.connector().snapshot(lab.target)).toBe(before)
    expect(await exitCode()).toBe(0)
  })

  const exitCode = () =>
    promisify(execFile)(process.execPath, [program, 'check', '--dir', it.dir]).then(
      () => 0,
      ({ code }: { code: number }) => code,
    )

  test.each<[string, () => void | Promise<void>, RegExp]>([
    [
      'a privilege of the guard that the connector does not know',
      () => guardPrivilege('acl:payments'),
      /acl:payments means nothing here/,
    ],
    [
      'a role of the guard that is not there',
      () => guardRole('payments_repare'),
      /there is no role payments_repare/,
    ],
    [
      'a role of the guard that the connector may not confer',
      async () => {
        await lab.asSuperuser((db) => db.query('create role untouchable superuser'))
        guardRole('untouchable')
      },
      /no ADMIN OPTION on untouchable/,
    ],
    [
      'EN-01 a role of the guard whose access could not be ended',
      async () => {
        await lab.asSuperuser(async (db) => {
          await db.query('create role payments_replicates replication')
          await db.query(
            'grant payments_replicates to halligan_connector with admin option',
          )
        })
        guardRole('payments_replicates')
      },
      /access by payments_replicates cannot be ended again/,
    ],
    [
      'a shared account that is not there',
      () =>
        setTarget({ kind: 'postgres', url: { file: lab.urlFile }, accounts: ['nobody'] }),
      /there is no role nobody/,
    ],
    [
      'a setting that is unknown',
      () => setTarget({ kind: 'postgres', url: { file: lab.urlFile }, ulr: 1 }),
      /unknown setting ulr/,
    ],
    [
      'a kind that is unknown',
      () => setTarget({ kind: 'postgers' }),
      /no connector of kind postgers/,
    ],
    [
      'a secret that is not there',
      () => setTarget({ kind: 'postgres', url: { file: '/nowhere/connector.url' } }),
      /\/nowhere\/connector\.url cannot be read/,
    ],
    [
      'a target that nobody reaches',
      () => setUrl(connectorUrl({ port: '1' })),
      /cannot reach payments-pg/,
    ],
    [
      'a credential that the target refuses',
      () => setUrl(connectorUrl({ password: 'outdated' })),
      /refuses the credential of the connector itself/,
    ],
    [
      'a database that is not there',
      () => setUrl(connectorUrl({ pathname: '/elsewhere' })),
      /cannot reach payments-pg/,
    ],
    [
      'C-07 EN-26 a superuser as the connector',
      () => setUrl(lab.server.superuserUrl),
      /is a superuser/,
    ],
    [
      'EN-26 a connector with rights on data of its own',
      async () => {
        await lab.asSuperuser(async (db) => {
          await db.query(`create role fat login createrole inherit password 'fat'`)
          await db.query('grant payments_admin, pg_signal_backend to fat')
        })
        setUrl(connectorUrl({ username: 'fat', password: 'fat' }))
      },
      /has the rights of payments_admin/,
    ],
  ])('%s is refused with the reason', async (_, spoil, reason) => {
    await spoil()
    const found = await failures()
    expect(found.map(({ detail }) => detail).join('\n')).toMatch(reason)
    expect(await exitCode()).toBe(1)
  })

  test('no finding ever quotes a credential', async () => {
    setUrl(connectorUrl({ password: 'hunter2hunter2' }))
    expect(JSON.stringify(await check(it.dir))).not.toContain('hunter2hunter2')
  })

  test.each([
    ['a list of recipients that holds none', 'age1nobody\n', 0o600, /no age recipient/],
    ['a list of recipients that others may write', '', 0o666, /changed by others/],
  ])('%s is refused before any secret is sealed', async (_, text, mode, reason) => {
    const { vault } = pathsIn(it.dir)
    mkdirSync(vault, { mode: 0o700 })
    writeFileSync(join(vault, 'recipients.txt'), text)
    chmodSync(join(vault, 'recipients.txt'), mode)
    expect((await failures()).map(({ detail }) => detail).join()).toMatch(reason)
  })
})
