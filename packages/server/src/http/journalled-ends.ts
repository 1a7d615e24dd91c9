import {
  type Act,
  type Envelope,
  type Grant,
  type GrantId,
  type Instant,
  isIn,
  type Order,
  openedPhases,
  type Principal,
} from '@halligan/core'
import { payloadTypes, readEnvelope, verifyAct } from '@halligan/ledger'
import type { Journal, JournalLine } from '../journal.ts'
import { activeUnder, askForEach } from '../usecases/close-incident.ts'
import type { Deps } from '../usecases/deps.ts'
import { endOrders } from '../usecases/orders.ts'
import { permitted } from '../usecases/permission.ts'

export type JournalledDeps = Deps & Readonly<{ journal: Pick<Journal, 'lines'> }>

export type JournalledEnd = Readonly<{ order: Envelope; grant: GrantId }>

/**
 * Orders to end what the log could not take, for one enforcer. They come without a proof, and are obeyed: ending
 * early is always safe (PROTOCOL 7). Ed25519 is deterministic, so the same line makes the same order each time.
 */
export const journalledEnds = (
  deps: JournalledDeps,
  enforcer: string,
): readonly JournalledEnd[] =>
  deps.journal
    .lines()
    .flatMap((line) => ordersOf(deps, line))
    .flatMap((order) => endFor(order, enforcer))

function ordersOf(deps: JournalledDeps, envelope: Envelope): readonly Envelope[] {
  const read = readEnvelope<JournalLine>(payloadTypes.journal, envelope)
  if (!read.ok) return []
  const { item, at } = read.value.value
  if (item.kind === 'order') return [item.envelope]
  if (item.kind !== 'act') return []
  const { roster } = deps.inForce.roster(deps.view())
  const verified = verifyAct(deps.crypto, item.envelope, roster, at)
  if (!verified.ok) return []
  const { act, principal } = verified.value
  return act.verb === 'close_incident'
    ? endsOfIncident(deps, act.body.incident, principal, at)
    : endsOfGrant(deps, act, principal, at)
}

function endsOfGrant(
  deps: Deps,
  act: Act,
  by: Principal,
  at: Instant,
): readonly Envelope[] {
  const grant = act.grant === undefined ? null : deps.view().grant(act.grant)
  if (grant === null || !mayEnd(deps, act, by, grant)) return []
  const cause = act.verb === 'return' ? 'returned' : 'revoked'
  return endOrders(deps, grant, cause, at).map(({ order }) => order)
}

function endsOfIncident(
  deps: Deps,
  incident: string,
  by: Principal,
  at: Instant,
): readonly Envelope[] {
  const view = deps.view()
  if (
    !askForEach(deps, view, incident).every((asked) => permitted(deps, view, by, asked).ok)
  )
    return []
  return activeUnder(view, incident).flatMap((grant) =>
    endOrders(deps, grant, 'incident_closed', at).map(({ order }) => order),
  )
}

/** The act was journalled unjudged; whoever may end this grant is judged here. */
function mayEnd(deps: Deps, act: Act, by: Principal, grant: Grant): boolean {
  if (!isIn(grant, ...openedPhases)) return false
  if (by.person === grant.terms.requester) return ['return', 'revoke'].includes(act.verb)
  if (act.verb !== 'revoke') return false
  if (grant.approvers.includes(by.person)) return true
  const asked = { action: 'revoke', entitlement: grant.terms.entitlement } as const
  return permitted(deps, deps.view(), by, asked).ok
}

function endFor(order: Envelope, enforcer: string): readonly JournalledEnd[] {
  const read = readEnvelope<Order>(payloadTypes.order, order)
  if (!read.ok || read.value.value.enforcer !== enforcer) return []
  return [{ order, grant: read.value.value.grant }]
}
