import type { GrantId, Instant, PrincipalId, ProbeResult } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { isAlive } from '../../test/postgres-grantee.ts'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import type { Connector, Credential } from './port.ts'
import { roleOf } from './postgres-role.ts'

const ada = 'ada' as PrincipalId

type Grantee = Readonly<{ grant: GrantId; credential: Credential }>

describe.each(installations)('ending many at $name', ({ binaries }) => {
  let lab: PostgresLab
  let connector: Connector
  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
  })
  afterAll(() => lab.remove())
  beforeEach(async () => {
    connector = lab.connector()
    await connector.open()
  })
  afterEach(() => connector.close())

  const open = async (): Promise<Grantee> => {
    const grant = freshGrant()
    const now = await lab.now()
    const applied = await connector.apply({
      grant,
      target: lab.target,
      requester: ada,
      privileges: ['role:payments_repair'],
      overlapKey: 'x',
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + 900_000) as Instant,
    })
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return { grant, credential: applied.credential }
  }
  const openMany = (count: number) =>
    Promise.all(Array.from({ length: count }, () => open()))
  const end = ({ grant }: Grantee) => connector.end(grant, lab.target)
  const probe = ({ grant }: Grantee) => connector.probeAbsent(grant, lab.target)
  const clean = ({ grant }: Grantee) => connector.cleanup(grant, lab.target)
  const isGone = (probes: readonly ProbeResult[]) =>
    probes.length > 0 && probes.every(({ absent }) => absent)
  const connections = async (): Promise<number> => {
    const log = await lab.log()
    return log.split('\n').filter((line) => line.includes('pg_is_in_recovery')).length
  }

  test('INV-9 EN-17 thirty are ended and probed on a connection each way, and nobody else is', async () => {
    const leaving = await openMany(30)
    const [staying] = await openMany(1)
    const inside = await lab.login(leaving[0]?.credential ?? {})
    const outside = await lab.login(staying?.credential ?? {})
    const before = await connections()
    await Promise.all(leaving.map(end))
    const probes = await Promise.all(leaving.map(probe))
    expect((await connections()) - before).toBe(2)
    expect(probes.every(isGone)).toBe(true)
    expect(await isAlive(inside)).toBe(false)
    expect(await isAlive(outside)).toBe(true)
    expect(isGone(await probe(staying as Grantee))).toBe(false)
    await outside.end()
    await end(staying as Grantee)
    for (const each of [...leaving, staying as Grantee]) await clean(each)
  })

  test('EN-14 whoever is in the way is ended alone, and delays nobody', async () => {
    const [locking, preparing, stuck, ...others] = (await openMany(12)) as [
      Grantee,
      Grantee,
      Grantee,
      ...Grantee[],
    ]
    const ownRole = `begin; alter role current_user password 'mine'`
    const sessions = [locking, preparing, stuck].map(({ credential }) =>
      lab.login(credential),
    )
    for (const db of await Promise.all(sessions)) await db.query(ownRole)
    await (await sessions[1])?.query(`prepare transaction 'in_the_way'`)
    await (await sessions[2])?.query('set role payments_repair')
    await (await sessions[2])?.query(`prepare transaction 'not_ours_to_undo'`)
    const over: string[] = []
    const noted = (name: string, each: Grantee) => end(each).finally(() => over.push(name))
    const all = Promise.allSettled([
      noted('stuck', stuck),
      noted('preparing', preparing),
      noted('locking', locking),
      ...others.map((each) => noted('other', each)),
    ])
    const [first, ...rest] = await all
    expect(first).toMatchObject({
      reason: { message: expect.stringContaining('not ended') },
    })
    expect(rest.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(over.slice(0, others.length)).not.toContain('stuck')
    expect(over.slice(0, others.length)).not.toContain('preparing')
    expect(over.at(-1)).toBe('stuck')
    const probes = await Promise.all([stuck, preparing, locking, ...others].map(probe))
    expect(probes.map(isGone)).toEqual([false, ...rest.map(() => true)])
    await lab.asSuperuser((root) => root.query(`rollback prepared 'not_ours_to_undo'`))
    await end(stuck)
    for (const each of [stuck, preparing, locking, ...others]) await clean(each)
  })

  test('one whom the connector may not touch any more keeps nobody else inside', async () => {
    const [promoted, ...others] = (await openMany(6)) as [Grantee, ...Grantee[]]
    const root = await lab.login(promoted.credential)
    await lab.asSuperuser((db) =>
      db.query(`alter role ${roleOf(promoted.grant)} superuser`),
    )
    const inside = await lab.login(others[0]?.credential ?? {})
    const ended = await Promise.allSettled([promoted, ...others].map(end))
    expect(ended.map(({ status }) => status)).toEqual([
      'rejected',
      ...others.map(() => 'fulfilled'),
    ])
    expect(await isAlive(inside)).toBe(false)
    const probes = await Promise.all([promoted, ...others].map(probe))
    expect(probes.map(isGone)).toEqual([false, ...others.map(() => true)])
    await root.end()
    await lab.asSuperuser((db) =>
      db.query(`alter role ${roleOf(promoted.grant)} nosuperuser`),
    )
    await end(promoted)
    for (const each of [promoted, ...others]) await clean(each)
  })

  test('C-01 a target that is down fails everybody at once, and ends them when it is back', async () => {
    const all = await openMany(8)
    await lab.server.kill()
    const started = performance.now()
    const failed = await Promise.allSettled(all.map(end))
    expect(failed.every(({ status }) => status === 'rejected')).toBe(true)
    expect(performance.now() - started).toBeLessThan(2_000)
    await lab.server.restart()
    await Promise.all(all.map(end))
    expect((await Promise.all(all.map(probe))).every(isGone)).toBe(true)
    for (const each of all) await clean(each)
  })
})
