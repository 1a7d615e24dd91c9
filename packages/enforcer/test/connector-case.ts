/** One target a suite, one connector and one set of books a case, and the steps that cases are made of. @module */
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Applied, Connector, Credential, Opening } from '../src/connectors/port.ts'
import { type EnforcerBooks, enforcerBooks, type Lent } from './enforcer-books.ts'

/** What mallory does with a credential, at the target itself. */
export type GranteeSession = Readonly<{
  /** Whether the access is still there, as the grantee sees it. */
  hasAccess(): Promise<boolean>
  leave(): Promise<void>
}>

/** A real or simulated target that the suite may break. */
export type ConnectorHarness = Readonly<{
  target: string
  /** Two different privileges that the connector may confer. */
  privileges: readonly [string, string]
  /**
   * A connector that is not open yet; each stands for one run of an enforcer's process. What it is lent outlives them all,
   * as the enforcer's disk does.
   */
  connector(lent: Lent): Connector
  /** The target's own clock. */
  now(): Promise<Instant>
  /** Throws when the target does not let the credential in, or lets it in without the access. */
  enter(credential: Credential): Promise<GranteeSession>
  /** Whether anybody has the privilege by a right that Halligan did not give. */
  standingRightWorks(): Promise<boolean>
  goDown(): Promise<void>
  comeBack(): Promise<void>
  /** Somebody removes what was made for the grant, around the connector. */
  removeByHand(grant: GrantId): Promise<void>
  /** The process of the enforcer dies: nothing is closed in an orderly way, the target notices. */
  crash(connector: Connector): Promise<void>
}>

export type Asked = Readonly<{ privilege?: 0 | 1; requester?: 'ada' | 'bob' }>

/** What the suite of a connector does to the target, by way of the connector that the case has now. */
export type ConnectorCase<Harness extends ConnectorHarness> = Readonly<{
  harness: () => Harness
  books: () => EnforcerBooks
  connector: () => Connector
  opening(grant: GrantId, secondsToApply?: number, asked?: Asked): Promise<Opening>
  /** The books have it first. */
  apply(opening: Opening): Promise<Applied>
  /** Throws unless it was applied. */
  opened(grant: GrantId, asked?: Asked): Promise<Credential>
  end(grant: GrantId): Promise<void>
  /** That every probe says so, and that there is one. */
  showsAbsence(grant: GrantId): Promise<boolean>
  proveAndClean(grant: GrantId): Promise<void>
  endAndProve(grant: GrantId): Promise<void>
  /** The enforcer's process dies, and another is started on the same books. */
  restart(): Promise<void>
}>

/** Call inside `describe`. What a case that failed has left at the target is ended, so that the next one is not blamed. */
export function connectorCase<Harness extends ConnectorHarness>(
  harnessed: () => Harness,
): ConnectorCase<Harness> {
  let harness: Harness
  let connector: Connector
  let books: EnforcerBooks
  beforeAll(() => {
    harness = harnessed()
  })
  beforeEach(async () => {
    books = enforcerBooks()
    connector = harness.connector(books)
    await connector.open()
  })
  afterEach(async () => {
    try {
      for (const { grant } of books.held(harness.target)) await clean(grant)
    } finally {
      await connector.close()
    }
  })

  const opening: ConnectorCase<Harness>['opening'] = async (
    grant,
    secondsToApply = 60,
    { privilege = 0, requester = 'ada' } = {},
  ) => {
    const now = await harness.now()
    return {
      grant,
      target: harness.target,
      requester: requester as PrincipalId,
      privileges: [harness.privileges[privilege]],
      overlapKey: `${harness.target}/${harness.privileges[privilege]}`,
      applyBefore: (now + secondsToApply * 1000) as Instant,
      deadline: (now + 900_000) as Instant,
    }
  }
  const apply = async (opening: Opening) => {
    books.keep({ ...opening, phase: 'standing' })
    return connector.apply(opening)
  }
  const end = (grant: GrantId) => {
    books.become(grant, 'ending')
    return connector.end(grant, harness.target)
  }
  const showsAbsence = async (grant: GrantId): Promise<boolean> => {
    const probes = await connector.probeAbsent(grant, harness.target)
    expect(probes.length).toBeGreaterThan(0)
    return probes.every(({ absent }) => absent)
  }
  const close = async (grant: GrantId) => {
    books.shelf.drop(grant, harness.target)
    books.become(grant, 'closing')
    await connector.cleanup(grant, harness.target)
    books.forget(grant)
  }
  const clean = async (grant: GrantId) => {
    await end(grant)
    await close(grant)
  }
  const proveAndClean = async (grant: GrantId) => {
    expect(await showsAbsence(grant)).toBe(true)
    await close(grant)
  }
  return {
    harness: () => harness,
    books: () => books,
    connector: () => connector,
    opening,
    apply,
    opened: async (grant, asked = {}) => {
      const applied = await apply(await opening(grant, 60, asked))
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      return applied.credential
    },
    end,
    showsAbsence,
    proveAndClean,
    endAndProve: async (grant) => {
      await end(grant)
      await proveAndClean(grant)
    },
    restart: async () => {
      await harness.crash(connector)
      connector = harness.connector(books)
      await connector.open()
    },
  }
}
