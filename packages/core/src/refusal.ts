import type { Digest } from './json.ts'
import type { ClosedRoute } from './ruling.ts'
import type { Instant } from './time.ts'

/** Why a command on a grant was refused. The codes are public API, explained in docs/refusals.md. */
export type GrantRefusal = Readonly<
  | { code: 'unknown_grant' }
  | { code: 'wrong_phase'; phase: string }
  | { code: 'own_request' }
  | { code: 'not_human' }
  | { code: 'not_an_approver'; groups: readonly string[] }
  | { code: 'key_cooling_down'; from: Instant }
  | { code: 'already_approved' }
  | { code: 'other_terms'; current: Digest }
  | { code: 'terms_changed' }
  | { code: 'too_late'; deadline: Instant }
  | { code: 'not_due'; due: Instant }
  | { code: 'not_requester' }
  | { code: 'route_closed'; closed: readonly ClosedRoute[] }
  | { code: 'quorum_lost'; approvals: number; needed: number }
  | { code: 'unknown_target'; targets: readonly string[] }
  | { code: 'target_settled' }
  | { code: 'not_overdue' }
  | { code: 'already_attested' }
  | { code: 'reviewer_not_independent' }
  | { code: 'target_not_absent'; targets: readonly string[] }
  | { code: 'secret_not_rotated'; targets: readonly string[] }
  | { code: 'new_evidence'; current: Digest }
>
