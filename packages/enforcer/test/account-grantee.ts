import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Applied, Connector, Credential, Difference } from '../src/connectors/port.ts'
import { type EnforcerBooks, enforcerBooks } from './enforcer-books.ts'
import { freshGrant } from './fresh-grant.ts'

/** Mallory with a grant, and the connector that is to end it. A new grant for every test. */
export type AccountGrantee<Lab> = {
  lab: Lab
  connector: Connector
  books: EnforcerBooks
  grant: GrantId
}

export type Wanted = Readonly<{
  privilege?: string
  grant?: GrantId
  requester?: string
  secondsToApply?: number
}>

/** A real target, in which a grantee is somebody with a connection. */
export type AccountLab<Db> = Readonly<{
  target: string
  now(): Promise<Instant>
  login(credential: Credential): Promise<Db>
  remove(): Promise<void>
}>

/**
 * Registers the hooks of the surrounding `describe`; what it answers is filled before each test. `usual` is the privilege asked
 * for where a test names none.
 */
export function accountGrantee<Db, Lab extends AccountLab<Db>>(
  openLab: () => Promise<Lab & AccountLab<Db>>,
  connectorAt: (lab: Lab, books: EnforcerBooks) => Connector,
  usual: string,
) {
  // Filled by beforeAll and beforeEach, before any test can read it.
  const at = {} as AccountGrantee<Lab>
  beforeAll(async () => {
    at.lab = await openLab()
  })
  afterAll(() => at.lab.remove())
  beforeEach(async () => {
    at.grant = freshGrant()
    at.books = enforcerBooks()
    at.connector = connectorAt(at.lab, at.books)
    await at.connector.open()
  })
  afterEach(() => at.connector.close())

  const apply = async (wanted: Wanted = {}): Promise<Applied> => {
    const { privilege = usual, grant = at.grant } = wanted
    const now = await at.lab.now()
    const asked = {
      grant,
      requester: (wanted.requester ?? 'ada') as PrincipalId,
      privileges: [privilege],
    }
    at.books.keep({ ...asked, phase: 'standing' })
    return at.connector.apply({
      ...asked,
      target: at.lab.target,
      overlapKey: privilege,
      applyBefore: (now + (wanted.secondsToApply ?? 60) * 1000) as Instant,
      deadline: (now + 900_000) as Instant,
    })
  }
  const open = async (wanted: Wanted = {}): Promise<Credential> => {
    const applied = await apply(wanted)
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const enter = async (wanted?: Wanted): Promise<Db> => at.lab.login(await open(wanted))
  const end = async (grant = at.grant) => {
    at.books.become(grant, 'ending')
    await at.connector.end(grant, at.lab.target)
  }
  /** The names of the probes that do not show absence. */
  const present = async (grant = at.grant): Promise<string[]> => {
    const probes = await at.connector.probeAbsent(grant, at.lab.target)
    expect(probes.length).toBeGreaterThan(0)
    return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  }
  /** As the enforcer does once absence is proven. */
  const close = async (grant = at.grant) => {
    expect(await present(grant)).toEqual([])
    at.books.shelf.drop(grant, at.lab.target)
    at.books.become(grant, 'closing')
    await at.connector.cleanup(grant, at.lab.target)
    at.books.forget(grant)
  }
  /** The persistence diff of a grant whose session did `work`. */
  const leftBehind = async (
    work: (db: Db) => Promise<unknown>,
    privilege?: string,
  ): Promise<readonly Difference[]> => {
    const before = await at.connector.snapshot(at.lab.target)
    await work(await enter(privilege === undefined ? {} : { privilege }))
    await end()
    expect(await present()).toEqual([])
    const after = await at.connector.snapshot(at.lab.target)
    return at.connector.difference(before, after, at.grant)
  }
  return { at, apply, open, enter, end, present, close, leftBehind }
}
