/**
 * A shared account at a target: nobody's own, open to whoever has its secret. Who that is stands here, whatever anybody's books
 * say.
 *
 * @module
 */
import type { GrantId, Instant } from '@halligan/core'
import type { Effect } from '../../packages/enforcer/src/connectors/fake.ts'
import { TooLate } from '../../packages/enforcer/src/connectors/too-late.ts'
import type { Target } from './target.ts'

/** Goes on until the target ends it, whatever becomes of the secret that let it in. */
export type Session = Readonly<{ secret: string }>

/** Whoever changes the account asks for one first. An ending, and the next gate, close the one before. */
export type Gate = Readonly<{ before: Instant }>

export type SharedAccount = {
  readonly name: string
  /** The one secret that opens it. */
  secret: string
  isOpen: boolean
  readonly sessions: Set<Session>
  gate: Gate | null
  /** The grants for which each secret was sealed to somebody. */
  readonly handedTo: Map<string, Set<GrantId>>
}

/** As its owner leaves it: open to the secret in the vault alone. */
export const sealedAccount = (name: string): SharedAccount => ({
  name,
  secret: firstSecret,
  isOpen: true,
  sessions: new Set(),
  gate: null,
  handedTo: new Map(),
})

export const firstSecret = 'secret-0'

/** From now on the grant's requester may know it. */
export function handOut(account: SharedAccount, secret: string, grant: GrantId): void {
  const grants = account.handedTo.get(secret) ?? new Set()
  account.handedTo.set(secret, grants.add(grant))
}

export const mayEnter = (account: SharedAccount, grant: GrantId): boolean =>
  account.isOpen && account.handedTo.get(account.secret)?.has(grant) === true

/** Every secret by which somebody is inside, or could go in. */
export const openingSecrets = (account: SharedAccount): ReadonlySet<string> =>
  new Set([
    ...(account.isOpen ? [account.secret] : []),
    ...[...account.sessions].map(({ secret }) => secret),
  ])

export type Sight = Readonly<{ isOpen: boolean; sessions: number; at: Instant }>

/** What the target does about it when it is asked. Everything throws while the target is down. */
export type AccountAtTarget = Readonly<{
  /** Throws `TooLate`, and when another enforcer has the target's lock. */
  gate(before: Instant): Promise<Gate>
  set(gate: Gate, secret: string): Promise<void>
  /** `grant`: whose order it is; null at rest. */
  open(gate: Gate, grant: GrantId | null): Promise<void>
  /** Needs no lock, and no gate: ending early is always safe. */
  shut(): void
  endSessions(): void
  look(): Sight
  /** Whether a login with it succeeds. */
  opensTo(secret: string): boolean
  /** Whether it has this secret, open or not. */
  has(secret: string): boolean
}>

/** `takeLock` throws when another enforcer has the target. */
export function accountAtTarget(
  { fake }: Target,
  account: SharedAccount,
  takeLock: () => Promise<void>,
): AccountAtTarget {
  const reach = () => {
    if (fake.down) throw new Error('connection refused')
  }
  const pass = async (gate: Gate) => {
    await takeLock()
    if (fake.now() >= gate.before) throw new TooLate(fake.now())
    if (account.gate !== gate) throw new Error(`${account.name}: overtaken`)
  }
  const did = (kind: Effect['kind'], grant: string) => {
    fake.effects.push({ kind, grant, at: fake.now() })
  }
  return {
    async gate(before) {
      await takeLock()
      if (fake.now() >= before) throw new TooLate(fake.now())
      account.gate = { before }
      return account.gate
    },
    async set(gate, secret) {
      await pass(gate)
      if (!fake.refusesRotation) account.secret = secret
    },
    async open(gate, grant) {
      await pass(gate)
      did(grant === null ? 'rotate' : 'apply', grant ?? account.name)
      account.isOpen = true
    },
    shut() {
      reach()
      account.gate = null
      if (fake.liesAboutEnding) return
      account.isOpen = false
      if (!fake.keepsSessions) account.sessions.clear()
    },
    endSessions() {
      reach()
      if (!fake.liesAboutEnding && !fake.keepsSessions) account.sessions.clear()
    },
    look() {
      reach()
      return { isOpen: account.isOpen, sessions: account.sessions.size, at: fake.now() }
    },
    opensTo(secret) {
      reach()
      return account.isOpen && account.secret === secret
    },
    has(secret) {
      reach()
      return account.secret === secret
    },
  }
}
