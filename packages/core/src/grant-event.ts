import type { Finding, FollowUp } from './act.ts'
import type { PrincipalId } from './id.ts'
import type { Commitment, Digest, Envelope } from './json.ts'
import type { EndCause } from './order.ts'
import type { ReceiptDetail } from './receipt.ts'
import type { ClosedRoute, Facts, RouteTerms } from './ruling.ts'
import type { RouteName, Terms } from './terms.ts'
import type { Instant } from './time.ts'

/**
 * What happened to a grant. Each event is one ledger entry; in order, they are the grant.
 * An event that a person caused carries that person's signed act.
 */
export type GrantEvent = Readonly<
  { at: Instant } & (
    | {
        kind: 'requested'
        drill: boolean
        terms: Terms
        termsDigest: Digest
        closure: readonly PrincipalId[]
        act: Envelope
      }
    | {
        kind: 'ruled'
        bundleDigest: Digest
        engine: string
        facts: Facts
        factsAsOf: Instant
        route: RouteTerms
        open: readonly RouteName[]
        closed: readonly ClosedRoute[]
        until: Instant
      }
    | { kind: 'approval_given'; by: PrincipalId; act: Envelope }
    | { kind: 'approved'; until: Instant }
    | { kind: 'denied'; by: PrincipalId; act: Envelope }
    | { kind: 'withdrawn'; by: PrincipalId; act: Envelope }
    | { kind: 'lapsed'; cause: 'timeout' | 'terms_changed' }
    | {
        kind: 'activated'
        act: Envelope
        decision: Envelope
        decisionDigest: Digest
        bundleDigest: Digest
        engine: string
        facts: Facts
        notAfter: Instant
        voidIf: readonly 'incident_closed'[]
      }
    | {
        kind: 'ordered'
        op: 'open' | 'end' | 'reseal'
        target: string
        enforcer: string
        order: Envelope
        orderDigest: Digest
      }
    | { kind: 'review_opened'; due: Instant; group: string }
    | { kind: 'reveal_asked'; by: PrincipalId; target: string; act: Envelope }
    | {
        kind: 'reported'
        target: string
        enforcer: string
        report: ReceiptDetail
        receipt: Envelope
        receiptDigest: Digest
      }
    | { kind: 'exposed'; target: string; revealId: string; sealedDigest: Digest }
    | {
        kind: 'revoked'
        cause: EndCause | 'ended_locally'
        by: PrincipalId | null
        act: Envelope | null
      }
    | {
        kind: 'returned'
        cause: 'returned' | 'all_refused'
        by: PrincipalId | null
        act: Envelope | null
      }
    | { kind: 'expired' }
    | { kind: 'overdue'; target: string }
    /** A shared secret that was shown to the requester and is not proven to be another one by now. */
    | { kind: 'rotation_overdue'; target: string }
    | { kind: 'attestation_given'; by: PrincipalId; target: string; act: Envelope }
    | { kind: 'attested'; target: string; by: readonly PrincipalId[] }
    | { kind: 'review_overdue' }
    | {
        kind: 'closed' | 'superseded'
        by: PrincipalId
        finding: Finding
        evidenceDigest: Digest
        followUps: readonly FollowUp[]
        noteCommitment: Commitment
        act: Envelope
      }
  )
>
