import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Connector, Credential, Difference } from '../src/connectors/port.ts'
import { freshGrant } from './fresh-grant.ts'
import { openPostgresLab, type PostgresLab } from './postgres-lab.ts'

const ada = 'ada' as PrincipalId

/** Mallory with a grant, and the connector that is to end it. A new grant for every test. */
export type Grantee = {
  lab: PostgresLab
  connector: Connector
  grant: GrantId
}

/** Registers the hooks of the surrounding `describe`; what it answers is filled before each test. */
export function grantee(binaries: string | null) {
  // Filled by beforeAll and beforeEach, before any test can read it.
  const at = {} as Grantee
  beforeAll(async () => {
    at.lab = await openPostgresLab(binaries)
    await at.lab.asSuperuser(async (db) => {
      await db.query('create database elsewhere')
      await db.query(`create role mallory login password 'mallory';
        create role halligan_orphans nologin;
        grant halligan_orphans to halligan_connector
          with admin ${binaries === null ? 'true, inherit false, set false' : 'option'}`)
    })
  })
  afterAll(() => at.lab.remove())
  beforeEach(async () => {
    at.grant = freshGrant()
    at.connector = at.lab.connector()
    await at.connector.open()
  })
  afterEach(() => at.connector.close())

  const open = async (privilege = 'role:payments_repair'): Promise<Credential> => {
    const now = await at.lab.now()
    const applied = await at.connector.apply({
      grant: at.grant,
      target: at.lab.target,
      requester: ada,
      privileges: [privilege],
      overlapKey: privilege,
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + 900_000) as Instant,
    })
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const enter = async (privilege?: string): Promise<pg.Client> =>
    at.lab.login(await open(privilege))
  const end = () => at.connector.end(at.grant, at.lab.target)
  const cleanup = () => at.connector.cleanup(at.grant, at.lab.target)
  /** The names of the probes that do not show absence. */
  const present = async (): Promise<string[]> => {
    const probes = await at.connector.probeAbsent(at.grant, at.lab.target)
    return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  }
  /** The persistence diff of a grant whose session did `work`. */
  const leftBehind = async (
    work: (db: pg.Client) => Promise<unknown>,
    privilege?: string,
  ): Promise<readonly Difference[]> => {
    const before = await at.connector.snapshot(at.lab.target)
    await work(await enter(privilege))
    await end()
    expect(await present()).toEqual([])
    const after = await at.connector.snapshot(at.lab.target)
    return at.connector.difference(before, after, at.grant)
  }
  return { at, open, enter, end, cleanup, present, leftBehind }
}

export const isAlive = (db: pg.Client): Promise<boolean> =>
  db.query('select').then(
    () => true,
    () => false,
  )
