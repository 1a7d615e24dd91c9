import type { SealKey } from './act.ts'
import type { GrantId } from './id.ts'
import type { Digest } from './json.ts'
import type { Terms } from './terms.ts'
import type { Instant } from './time.ts'

/** The signed statement that a grant exists. */
export type Decision = Readonly<{
  type: 'halligan/decision/v1'
  decision: string
  estate: string
  grant: GrantId
  termsDigest: Digest
  terms: Terms
  bundleDigest: Digest
  rosterVersion: number
  factsDigest: Digest
  /** Digests of the acts' payloads. */
  requestAct: Digest
  approvalActs: readonly Digest[]
  activateAct: Digest
  issuedAt: Instant
  notAfter: Instant
  voidIf: readonly 'incident_closed'[]
}>

type OrderBase = Readonly<{
  type: 'halligan/order/v1'
  order: string
  estate: string
  grant: GrantId
  target: string
  enforcer: string
  issuedAt: Instant
}>

/** Make it so: the revoke plan and the deadline are inside, so ending needs nobody (INV-18). */
export type OpenOrder = OrderBase &
  Readonly<{
    op: 'open'
    decisionDigest: Digest
    privileges: readonly string[]
    sealTo: SealKey
    applyBefore: Instant
    notAfter: Instant
    revokePlan: readonly RevokeStep[]
    revokeSloSeconds: number
    overlapKey: string
  }>

export type RevokeStep = 'lock_out' | 'end_sessions' | 'remove' | 'probe'

export type EndCause = 'revoked' | 'returned' | 'expired' | 'incident_closed'

/** Ending early is always safe, so this is obeyed even when nothing else can be proven. */
export type EndOrder = OrderBase & Readonly<{ op: 'end'; cause: EndCause }>

/** A lost key: seal a new password to a new key. Same deadline. */
export type ResealOrder = OrderBase &
  Readonly<{ op: 'reseal'; sealTo: SealKey; revealAct: Digest }>

export type Order = OpenOrder | EndOrder | ResealOrder

/** A fresh, signed statement of the server's time, answering one enforcer's nonce. */
export type Beacon = Readonly<{
  type: 'halligan/beacon/v1'
  estate: string
  nonce: string
  serverTime: Instant
  /** The signed note, whole. */
  checkpoint: string
}>

/** The default plan of every connector. */
export const revokePlan: readonly RevokeStep[] = [
  'lock_out',
  'end_sessions',
  'remove',
  'probe',
]

/**
 * What orders are put in a row by. A login made for one grant alone shares its account with nobody; a shared account
 * (`account:NAME`) is one account, whichever grant checks it out. Enforcers work it out themselves.
 */
export function overlapKeyOf(
  target: string,
  grant: GrantId,
  privileges: readonly string[],
): string {
  const account = privileges.find((privilege) => privilege.startsWith('account:'))
  return `${target}/${account ?? grant}`
}
