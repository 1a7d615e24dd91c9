import type { GrantRefusal } from '@halligan/core'
import { type RefusalText, text } from './refusal-text.ts'

/** Said by the grant's own rules. Missing one of core's codes does not compile. */
export const ofGrants = {
  unknown_grant: text(404, 'There is no such grant', 'List grants with `halligan status`.'),
  wrong_phase: text(
    409,
    'The grant is in another phase',
    'Read the grant again: `halligan status GRANT`.',
  ),
  own_request: text(
    403,
    'Nobody judges their own request',
    'Ask someone outside the requester, their agents and their owner.',
  ),
  not_human: text(403, 'Only a person may do this', 'Ask a person to sign it.'),
  not_an_approver: text(
    403,
    'The signer stands in none of the approver groups of this route',
    'Ask a member of the groups that the refusal names.',
  ),
  key_cooling_down: text(
    403,
    "The signer's key is too new to approve",
    'Wait until the instant in `from`, or ask another approver.',
  ),
  already_approved: text(
    409,
    'This person has approved already',
    'Each person counts once: ask another approver.',
  ),
  other_terms: text(
    409,
    'The signature is over other terms',
    'Read the current terms again, then sign those.',
  ),
  terms_changed: text(
    409,
    'The terms would resolve differently now',
    'Withdraw and request again; earlier approvals do not count.',
  ),
  too_late: text(409, 'The deadline has passed', 'Request again.'),
  not_due: text(409, 'This is not due yet', 'Wait until the instant in `due`.'),
  not_requester: text(
    403,
    'Only the requester may do this',
    'Ask the requester of the grant.',
  ),
  route_closed: text(
    403,
    'Policy keeps this route closed',
    'See `closed` for the reasons and for what would open it, or run `halligan check`.',
  ),
  quorum_lost: text(
    409,
    'Too few of the approvals still stand',
    'Ask for further approvals by requesting again.',
  ),
  unknown_target: text(
    404,
    'There is no such target',
    'Name one of the targets that the refusal lists.',
  ),
  target_settled: text(
    409,
    'The target is settled already',
    'Nothing is left to do there.',
  ),
  not_overdue: text(
    409,
    'The target is not overdue: its enforcer still has time to prove absence',
    'Wait: `halligan watch GRANT --until absent`. Attest once it is shown as overdue.',
  ),
  already_attested: text(
    409,
    'This person has attested already',
    'Attestation takes two: ask another person.',
  ),
  reviewer_not_independent: text(
    403,
    'The reviewer took part in this grant',
    'Ask someone who neither asked nor approved.',
  ),
  target_not_absent: text(
    409,
    'A target is not proven absent yet',
    'Wait for the probe, or have two people attest with `halligan attest`.',
  ),
  secret_not_rotated: text(
    409,
    'An exposed secret is not rotated yet',
    'Wait for the rotation, or have two people attest with `halligan attest`.',
  ),
  new_evidence: text(
    409,
    'There is evidence that this verdict has not seen',
    'Read it with `halligan review show GRANT`, then sign again.',
  ),
} as const satisfies Record<GrantRefusal['code'], RefusalText>
