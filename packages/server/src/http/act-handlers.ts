import type { Verb } from '@halligan/core'
import { acceptRoster } from '../usecases/accept-roster.ts'
import { activateGrant } from '../usecases/activate-grant.ts'
import { approvePolicy } from '../usecases/approve-policy.ts'
import { approveRequest } from '../usecases/approve-request.ts'
import { attestAbsence } from '../usecases/attest-absence.ts'
import { closeIncident } from '../usecases/close-incident.ts'
import { denyRequest } from '../usecases/deny-request.ts'
import type { Deps } from '../usecases/deps.ts'
import { incidentFromWebhook } from '../usecases/incident-webhook.ts'
import { invitePrincipal } from '../usecases/invite-principal.ts'
import { openIncident } from '../usecases/open-incident.ts'
import { proposePolicy } from '../usecases/propose-policy.ts'
import { redeemInvitation } from '../usecases/redeem-invitation.ts'
import { requestAccess } from '../usecases/request-access.ts'
import { returnGrant } from '../usecases/return-grant.ts'
import { revealCredential } from '../usecases/reveal-credential.ts'
import { reviewGrant } from '../usecases/review-grant.ts'
import { revokeGrant } from '../usecases/revoke-grant.ts'
import { withdrawRequest } from '../usecases/withdraw-request.ts'
import type { Handlers } from './handler.ts'

type Entering = Pick<
  Handlers,
  `act_${Verb}` | 'accept_roster' | 'redeem' | 'incident_webhook'
>

/** Whatever changes anything: the signature is inside, and the use case judges it. */
export const actHandlers = (
  deps: Deps & Readonly<{ incidentSecret: string }>,
): Entering => ({
  act_request: ({ body }) => requestAccess(deps, body),
  act_approve: ({ body }) => approveRequest(deps, body),
  act_deny: ({ body }) => denyRequest(deps, body),
  act_withdraw: ({ body }) => withdrawRequest(deps, body),
  act_activate: ({ body }) => activateGrant(deps, body),
  act_revoke: ({ body }) => revokeGrant(deps, body),
  act_return: ({ body }) => returnGrant(deps, body),
  act_reveal: ({ body }) => revealCredential(deps, body),
  act_attest: ({ body }) => attestAbsence(deps, body),
  act_review: ({ body }) => reviewGrant(deps, body),
  act_open_incident: ({ body }) => openIncident(deps, body),
  act_close_incident: ({ body }) => closeIncident(deps, body),
  act_propose_policy: ({ body }) => proposePolicy(deps, body),
  act_approve_policy: ({ body }) => approvePolicy(deps, body),
  act_invite: ({ body }) => invitePrincipal(deps, body),
  accept_roster: ({ body }) => acceptRoster(deps, body),
  redeem: ({ body }) => redeemInvitation(deps, body),
  incident_webhook: ({ raw, header }) =>
    incidentFromWebhook(deps, deps.incidentSecret, {
      id: header('webhook-id') ?? '',
      timestamp: header('webhook-timestamp') ?? '',
      signature: header('webhook-signature') ?? '',
      body: new TextDecoder().decode(raw),
    }),
})
