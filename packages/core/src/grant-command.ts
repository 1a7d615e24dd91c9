import type { Finding, FollowUp } from './act.ts'
import type { PrincipalId } from './id.ts'
import type { Commitment, Digest, Envelope } from './json.ts'
import type { PrincipalKind } from './principal.ts'
import type { ReceiptDetail } from './receipt.ts'
import type { Ruling } from './ruling.ts'
import type { Terms } from './terms.ts'
import type { Instant } from './time.ts'

/** An approver as the roster and the policy see the person at this moment. */
export type Standing = Readonly<{
  person: PrincipalId
  kind: PrincipalKind
  groups: readonly string[]
  /** Of the key that signed. */
  approvesFrom: Instant
}>

/** An order as the issuer signed it, ready to be entered. */
export type IssuedOrder = Readonly<{
  target: string
  enforcer: string
  order: Envelope
  orderDigest: Digest
}>

export type Request = Readonly<{
  kind: 'request'
  terms: Terms
  termsDigest: Digest
  closure: readonly PrincipalId[]
  ruling: Ruling
  act: Envelope
}>

/** What is judged again at activation (INV-3). `approvers` are those who approved, as they stand now. */
export type Revalidation = Readonly<{
  by: PrincipalId
  /** Of the terms as they would resolve now. */
  termsDigest: Digest
  ruling: Ruling
  approvers: readonly Standing[]
}>

export type Activation = Revalidation &
  Readonly<{
    kind: 'activate'
    act: Envelope
    decision: Envelope
    decisionDigest: Digest
    orders: readonly IssuedOrder[]
    voidIf: readonly 'incident_closed'[]
    reviewGroup: string
  }>

export type Verdict = Readonly<{
  kind: 'review'
  by: PrincipalId
  reviewerKind: PrincipalKind
  finding: Finding
  /** What the reviewer read, and what there is to read now. */
  evidenceDigest: Digest
  currentEvidence: Digest
  followUps: readonly FollowUp[]
  noteCommitment: Commitment
  act: Envelope
}>

export type GrantCommand = Readonly<
  | { kind: 'approve'; by: Standing; termsDigest: Digest; act: Envelope }
  | { kind: 'deny'; by: Standing; termsDigest: Digest; act: Envelope }
  | { kind: 'withdraw'; by: PrincipalId; act: Envelope }
  | Activation
  | { kind: 'void' }
  | { kind: 'revoke'; by: PrincipalId; act: Envelope }
  | { kind: 'return'; by: PrincipalId; act: Envelope }
  | { kind: 'close_incident' }
  | { kind: 'time_out' }
  | { kind: 'order'; op: 'end' | 'reseal'; orders: readonly IssuedOrder[] }
  | { kind: 'reveal'; by: PrincipalId; target: string; act: Envelope }
  | {
      kind: 'report'
      target: string
      enforcer: string
      report: ReceiptDetail
      receipt: Envelope
      receiptDigest: Digest
    }
  | { kind: 'mark_overdue'; target: string; sloSeconds: number }
  | { kind: 'mark_rotation_overdue'; target: string }
  | { kind: 'mark_review_overdue' }
  | {
      kind: 'attest'
      by: PrincipalId
      byKind: PrincipalKind
      target: string
      act: Envelope
    }
  | Verdict
>
