/**
 * The targets. What they really confer is the ground truth of every invariant: it is read from them directly, never from
 * what an enforcer, a server or the target itself says.
 *
 * @module
 */
import type { GrantId, Instant } from '@halligan/core'
import {
  createFakeTarget,
  type Effect,
  type FakeTarget,
  hasAccess,
} from '../../packages/enforcer/src/connectors/fake.ts'
import { mayEnter, type SharedAccount, sealedAccount } from './account.ts'
import type { Agenda } from './agenda.ts'

export type Target = {
  readonly name: string
  readonly enforcer: string
  readonly fake: FakeTarget
  readonly accounts: ReadonlyMap<string, SharedAccount>
  /** Longest time that a call takes, in ms. */
  slowness: number
  /** Some calls take long, others do not. */
  stalls: boolean
  /** Calls take effect, and nobody hears of it. */
  losesAnswers: boolean
  /** Every call arrives so many times. */
  copies: number
  hasAccess(grant: GrantId): boolean
  /** Simulated time since which it is up, quick and honest. */
  wellSince(): number
  /** Whether anything is wrong with it now. */
  isIll(): boolean
  ill(fault: (target: Target) => void): void
  heal(): void
  /** Everything that really happened to it, in order, and when. */
  readonly effects: readonly Effect[]
}

export const quick = 60

export function createTarget(
  agenda: Agenda,
  name: string,
  enforcer: string,
  accounts: readonly string[],
): Target {
  const fake = createFakeTarget(() => agenda.now() as Instant)
  let wellSince = agenda.now()
  let isIll = false
  const target: Target = {
    name,
    enforcer,
    fake,
    accounts: new Map(accounts.map((account) => [account, sealedAccount(account)])),
    slowness: quick,
    stalls: false,
    losesAnswers: false,
    copies: 1,
    hasAccess: (grant) => hasAccess(fake, grant),
    wellSince: () => (isIll ? Number.POSITIVE_INFINITY : wellSince),
    isIll: () => isIll,
    ill(fault) {
      isIll = true
      fault(target)
    },
    heal() {
      if (isIll) wellSince = agenda.now()
      isIll = false
      target.slowness = quick
      target.stalls = false
      target.losesAnswers = false
      target.copies = 1
      fake.down = false
      fake.liesAboutEnding = false
      fake.keepsSessions = false
      fake.refusesCleanup = false
      fake.refusesRotation = false
    },
    effects: fake.effects,
  }
  return target
}

/** A grantee at work: a session that goes on until the target ends it. False when the login does not let it in. */
export function openSession(target: Target, grant: GrantId): boolean {
  const account = [...target.accounts.values()].find((each) => mayEnter(each, grant))
  account?.sessions.add({ secret: account.secret })
  if (account !== undefined) return true
  const login = target.fake.logins.find((each) => each.grant === grant)
  if (login === undefined || !login.canLogin || target.fake.now() >= login.validUntil)
    return false
  login.sessions.add(Symbol('session'))
  return true
}
