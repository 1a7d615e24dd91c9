import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { whyMissing, whyNoMounts } from '../../../scripts/real-servers.ts'
import { pathsIn } from '../src/config.ts'
import { roleOf, rolePrefix } from '../src/connectors/postgres-role.ts'
import { openVault } from '../src/store/vault.ts'
import { type EnforcerProcess, enforcerProcess, eventually } from './enforcer-process.ts'
import { freshGrant } from './fresh-grant.ts'
import { openPostgresLab, type PostgresLab } from './postgres-lab.ts'
import { describeUnless } from './real-server.ts'
import { kinds } from './run.ts'

const account = 'payments_emergency'
const role = 'role:payments_repair'

let lab: PostgresLab
let it: EnforcerProcess
let grant: GrantId
beforeAll(async () => {
  lab = await openPostgresLab(null)
  await lab.asSuperuser(async (db) => {
    await db.query(`create role ${account} login in role payments_repair`)
    await db.query(
      `grant ${account} to halligan_connector with admin true, inherit false, set false`,
    )
  })
})
afterAll(() => lab.remove())
beforeEach(async () => {
  grant = freshGrant()
  const settings = { kind: 'postgres', url: { file: lab.urlFile }, accounts: [account] }
  it = await enforcerProcess(lab.target, settings, [role, `account:${account}`])
})
afterEach(async () => {
  await it.remove()
  await dropLogins()
})

/** A killed process leaves its logins standing: the next one would rightly report them as drift. */
const dropLogins = (): Promise<void> =>
  lab.asSuperuser(async (db) => {
    const { rows } = await db.query<{ role: string }>(
      'select quote_ident(rolname) as role from pg_roles where starts_with(rolname::text, $1)',
      [rolePrefix],
    )
    for (const { role } of rows) await db.query(`drop role ${role}`)
  })

/** The ground truth: whether the login may log in, by the catalog. */
const mayLogIn = (name: string): Promise<boolean> =>
  lab.asSuperuser(async (db) => {
    const sql = 'select from pg_roles where rolname = $1 and rolcanlogin'
    return (await db.query(sql, [name])).rowCount === 1
  })
const logins = (name: string) =>
  lab.asSuperuser(async (db) => {
    const sql = 'select from pg_stat_activity where usename = $1'
    return (await db.query(sql, [name])).rowCount ?? 0
  })
const told = () => it.onBooks(kinds).filter((kind) => kind !== 'struggling')
const isOver = () => it.onBooks((books) => books.unfinished().length === 0)

describe('a process that is frozen past the deadline (SIGSTOP)', () => {
  test('INV-21 T-02 ends at once what it had applied, when it is let go', async () => {
    it.accept(grant, 4000, role)
    const deadline = Date.now() + 4000
    await it.start()
    await eventually('it is applied', () => mayLogIn(roleOf(grant)))
    it.signal('SIGSTOP')
    await pause(deadline + 1500 - Date.now())
    expect(await mayLogIn(roleOf(grant))).toBe(true)
    it.signal('SIGCONT')
    await eventually('it is ended', async () => !(await mayLogIn(roleOf(grant))), 3000)
  })

  test('INV-11 applies nothing that it had not applied yet', async () => {
    await lab.server.stop()
    it.accept(grant, 3000, role)
    const deadline = Date.now() + 3000
    await it.start()
    it.signal('SIGSTOP')
    await lab.server.restart()
    await pause(Math.max(1, deadline + 500 - Date.now()))
    it.signal('SIGCONT')
    await eventually('it knows that it is over', async () =>
      JSON.stringify(await it.status()).includes('"holds":[]'),
    )
    await it.kill()
    expect(await lab.log()).not.toContain(`create role "${roleOf(grant)}"`)
    expect(told()).not.toContain('applied')
  })

  test('INV-11 finds the target taken by another meanwhile, and applies nothing there', async () => {
    await lab.server.stop()
    it.accept(grant, 60_000, role)
    await it.start()
    it.signal('SIGSTOP')
    await lab.server.restart()
    const rival = lab.connector()
    await rival.open()
    try {
      it.signal('SIGCONT')
      await eventually('it has tried', async () => it.log().includes('another enforcer'))
      expect(await mayLogIn(roleOf(grant))).toBe(false)
    } finally {
      await rival.close()
    }
    await eventually('it has the target again', () => mayLogIn(roleOf(grant)))
  })
})

describe('kill -9 while a shared account is given back', () => {
  test('K-11 INV-20 EN-20 whenever it dies, the vault opens the account in the end and nobody else does', async () => {
    const vault = openVault(pathsIn(it.dir).vault)
    it.accept(grant, 1200, `account:${account}`)
    for (let round = 0; round < 8; round++) {
      await it.start()
      await pause(60 + 110 * round)
      await it.kill('SIGKILL')
    }
    await it.start()
    await eventually('all is over', async () =>
      JSON.stringify(await it.status()).includes('"holds":[]'),
    )
    await it.kill()
    expect(isOver()).toBe(true)
    expect(told().filter((kind) => kind === 'rotated')).toHaveLength(1)
    const { current } = await vault.secrets(lab.target, account)
    const [login] = await it.credentials()
    const at = login ?? {
      ...{ PGHOST: '127.0.0.1', PGPORT: String(lab.server.port), PGDATABASE: 'payments' },
      PGUSER: account,
    }
    const inside = await lab.login({ ...at, PGPASSWORD: current ?? '' })
    await inside.end()
    for (const given of await it.credentials())
      await expect(lab.login(given)).rejects.toThrow()
    expect(await logins(account)).toBe(0)
  })
})

/** As root only: a file system of its own, in a mount namespace that ends with the process. */
describeUnless(whyNoMounts(), 'a disk that is really full', () => {
  test('S-01 INV-18 the access ends on time at the target, and all is told once there is room', async () => {
    it.accept(grant, 5000, role)
    const deadline = Date.now() + 5000
    // The folder is copied onto a small disk that only this process sees, in the place of the real one.
    const script = `set -e; cp -a "$1" "$1.seed"; mount -t tmpfs -o size=1m,mode=0700 tmpfs "$1"
      cp -a "$1.seed/." "$1/"; rm -r "$1.seed"; shift; exec "$@"`
    const child = await it.start(['unshare', '-m', 'sh', '-c', script, 'sh', it.dir])
    const inside = (name: string) => join(`/proc/${child.pid}/root`, it.dir, name)
    await eventually('it is applied', () => mayLogIn(roleOf(grant)))
    fill(inside('.'), inside('ballast'))
    await pause(Math.max(1, deadline - Date.now()))
    await eventually('it is ended', async () => !(await mayLogIn(roleOf(grant))), 4000)
    expect(it.log()).toContain('books_unwritable')
    expect(child.exitCode).toBe(null)
    rmSync(inside('ballast'))
    await eventually('it is told', async () => it.log().includes('receipt_cleaned'), 30_000)
    expect(it.log()).toContain('receipt_ending')
    expect(it.log()).toContain('receipt_absent')
    expect(readFileSync(inside('config.json'), 'utf8')).toContain('enf-payments')
  })
})

describeUnless(whyMissing('strace'), 'a disk that fails (EIO at every sync)', () => {
  test('S-02 INV-18 what was applied is ended on time; once it works again, the books are whole and all is told', async () => {
    it.accept(grant, 8000, role)
    const deadline = Date.now() + 8000
    const child = await it.start()
    await eventually('it is applied', () => mayLogIn(roleOf(grant)))
    await eventually('it is told', async () => it.log().includes('receipt_applied'))
    const syncs = 'fsync,fdatasync'
    const inject = ['-e', `trace=${syncs}`, '-e', `inject=${syncs}:error=EIO`]
    const strace = spawn('strace', ['-f', '-p', String(child.pid), ...inject], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    await once(strace.stderr, 'data')
    try {
      await pause(Math.max(1, deadline - Date.now()))
      await eventually('it is ended', async () => !(await mayLogIn(roleOf(grant))), 5000)
      await pause(1500)
      expect(it.log()).toContain('books_unwritable')
    } finally {
      strace.kill('SIGTERM')
      await once(strace, 'exit')
    }
    await eventually(
      'all is told',
      async () => it.log().includes('receipt_cleaned'),
      30_000,
    )
    expect(child.exitCode).toBe(null)
    await it.kill()
    expect(told()).toEqual(['applied', 'ending', 'absent', 'cleaned'])
  })
})

/** To the last byte, and on until nothing is left of what is freed meanwhile. */
function fill(disk: string, path: string): void {
  for (let free = 1; free > 0; ) {
    const { bfree, bsize } = statfsSync(disk)
    free = bfree * bsize
    if (free > 0) writeFileSync(path, Buffer.alloc(free), { flag: 'a' })
  }
}
