import type { Commitment, GrantRefusal, Instant, PrincipalId } from '@halligan/core'
import type { ActRefusal, EnvelopeRefusal } from '@halligan/ledger'
import type { BundleProblem, TermsRefusal } from '@halligan/policy'
import type { NonceRefusal } from '../nonce.ts'
import type { WriterRefusal } from '../store/port.ts'

/** Why a verb was refused before, or beside, the rules of the grant itself. */
export type IntakeRefusal = Readonly<
  | { code: 'wrong_verb'; verb: string }
  | { code: 'not_allowed'; action: string; reasons: readonly string[] }
  | { code: 'missing_blob'; commitment: Commitment }
  | { code: 'bad_commitment'; commitment: Commitment }
  | { code: 'facts_stale'; asOf: Instant }
  | { code: 'grant_exists' }
  | { code: 'act_not_fresh'; serverTime: Instant }
  | { code: 'nobody_to_alert' }
  | { code: 'already_done' }
  | { code: 'malformed_request'; issues: readonly [] }
>

/** Of policy, incidents, rosters, invitations. */
export type EstateRefusal = Readonly<
  | { code: 'no_policy' }
  | { code: 'recent_policy_author'; until: Instant }
  | { code: 'bad_bundle'; problems: readonly BundleProblem[] }
  | { code: 'unknown_bundle' }
  | { code: 'bundle_in_force' }
  | { code: 'cannot_reach_quorum'; needed: number; eligible: readonly PrincipalId[] }
  | { code: 'unknown_system'; system: string; systems: readonly string[] }
  | { code: 'unknown_incident' }
  | { code: 'incident_exists' }
  | { code: 'incident_closed' }
  | { code: 'bad_webhook'; reason: string }
  | { code: 'bad_roster'; reason: string }
  | { code: 'too_few_trustees'; reason: string }
  | { code: 'bad_invitation'; reason: string }
  | { code: 'not_sealed' }
>

/** Of enforcers' reports. */
export type ReceiptRefusal = Readonly<
  | { code: 'other_estate'; reason: string }
  | { code: 'unknown_enforcer' }
  | { code: 'bad_receipt'; reason: string }
>

/** Whatever a verb may answer instead of doing what was asked. */
export type Refusal =
  | GrantRefusal
  | IntakeRefusal
  | EstateRefusal
  | ReceiptRefusal
  | EnvelopeRefusal
  | TermsRefusal
  | ActRefusal
  | NonceRefusal
  | WriterRefusal
