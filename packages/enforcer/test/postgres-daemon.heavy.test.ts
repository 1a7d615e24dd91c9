import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Connector } from '../src/connectors/port.ts'
import { roleOf } from '../src/connectors/postgres-role.ts'
import { type Daemon, startDaemon, usualDaemonPace } from '../src/daemon.ts'
import { freshGrant } from './fresh-grant.ts'
import { openPostgresLab, type PostgresLab } from './postgres-lab.ts'
import { accepted, type PostgresSite, postgresSite } from './postgres-site.ts'
import { kinds, receipts } from './run.ts'

const ada = 'ada' as PrincipalId

/** Real clocks and a real target: these tests wait, because the waiting is what they test. */
describe('an enforcer at a real PostgreSQL, with the control plane stopped', () => {
  let lab: PostgresLab
  let dir: string
  let connector: Connector
  let at: PostgresSite
  let grant: GrantId
  const broken: unknown[] = []
  beforeAll(async () => {
    lab = await openPostgresLab(null)
  })
  afterAll(() => lab.remove())
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'halligan-daemon-'))
    grant = freshGrant()
    connector = lab.connector()
    at = postgresSite(dir, lab.target, connector)
  })

  const pace = { ...usualDaemonPace, driftMillis: 300 }
  const start = () => startDaemon(at.site, pace, (error) => broken.push(error))
  const finish = async (daemon: Daemon) => {
    await daemon.stop()
    await connector.close()
    at.site.books.close()
    await rm(dir, { recursive: true })
    expect(broken).toEqual([])
  }
  const phase = () => at.site.books.hold(grant, lab.target).phase
  const until = async (holds: () => boolean, millis = 20_000) => {
    const deadline = performance.now() + millis
    while (!holds()) {
      if (performance.now() > deadline)
        throw new Error(`still ${phase()}: ${JSON.stringify(at.notes.slice(-5))}`)
      await pause(10)
    }
  }
  const hold = async (lifeMillis: number) =>
    accepted(at.site, lab.target, grant, lifeMillis, await connector.snapshot(lab.target))

  test('EN-01 INV-18 INV-21 access ends at its deadline, session after SET ROLE included', async () => {
    await hold(2_000)
    const deadline = Date.now() + 2_000
    const daemon = await start()
    await until(() => phase() === 'applied')
    const db = await lab.login(at.credentials.get(grant) ?? {})
    await db.query('set role payments_repair')
    const repair = `update payments.transfers set state = 'queued' where state = 'stuck'`
    expect((await db.query(repair)).rowCount).toBeGreaterThan(0)
    let works = true
    let lastWorked = 0
    while (works) {
      works = await db.query('select from payments.accounts').then(
        () => true,
        () => false,
      )
      if (works) lastWorked = Date.now()
      await pause(5)
    }
    expect(lastWorked).toBeGreaterThan(deadline - 1_500)
    expect(lastWorked - deadline).toBeLessThan(1_000)
    await until(() => kinds(at.site.books).includes('cleaned'))
    expect(kinds(at.site.books)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    const roles = await lab.asSuperuser((root) =>
      root.query('select from pg_roles where rolname = $1', [roleOf(grant)]),
    )
    expect(roles.rowCount).toBe(0)
    await finish(daemon)
  })

  test('C-01 INV-9 a target that is down at the deadline is ended soon after its return', async () => {
    await hold(1_500)
    const daemon = await start()
    await until(() => phase() === 'applied')
    await lab.server.kill()
    await until(() => at.notes.some(({ what }) => what === 'end_again'))
    // A scan meanwhile tells that the connector is not ready, and that is no absence.
    const told = kinds(at.site.books).filter((kind) => kind !== 'drifted')
    expect(told).toEqual(['applied', 'ending'])
    await lab.server.restart()
    await until(() => kinds(at.site.books).includes('absent'))
    await finish(daemon)
  })

  test('K-07 INV-10 what a killed predecessor had applied is taken up and ended', async () => {
    await hold(3_000)
    const lost = await (async () => {
      const before = lab.connector()
      await before.open()
      const applied = await before.apply({
        grant,
        target: lab.target,
        requester: ada,
        privileges: ['role:payments_repair'],
        overlapKey: 'x',
        applyBefore: (at.site.clock.read().wall + 60_000) as Instant,
        deadline: (at.site.clock.read().wall + 3_000) as Instant,
      })
      await before.close()
      return applied.kind === 'applied' ? applied.credential : {}
    })()
    const daemon = await start()
    await until(() => phase() === 'applied')
    await expect(lab.login(lost)).rejects.toThrow()
    await until(() => kinds(at.site.books).includes('cleaned'))
    await finish(daemon)
  })

  test('EN-26 access made with the connector’s own credential is told, and left for people', async () => {
    const daemon = await start()
    await lab.asConnector((db) => db.query('grant payments_admin to ops'))
    await until(() => kinds(at.site.books).length === 1)
    await lab.asConnector((db) =>
      db.query(`create role ${roleOf(grant)} login password 'mine' in role payments_admin`),
    )
    await until(() => kinds(at.site.books).length === 2)
    expect(
      receipts(at.site.books).map(({ detail, grant: of }) => [detail, of]),
    ).toMatchObject([
      [{ kind: 'drifted', what: 'foreign_membership' }, null],
      [{ kind: 'drifted', what: 'unexplained' }, null],
    ])
    expect(await connector.standing(lab.target)).toContain(grant)
    await connector.end(grant, lab.target)
    await connector.cleanup(grant, lab.target)
    await finish(daemon)
  })
})
