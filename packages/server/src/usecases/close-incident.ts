import {
  type Envelope,
  type Grant,
  type Instant,
  isIn,
  ok,
  type Result,
  refuse,
} from '@halligan/core'
import type { Placed, Tx, View } from '../store/port.ts'
import { type ActAnswer, type ActInput, acceptAct, type Effect } from './accept-act.ts'
import { changeGrant } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { incidentDraft } from './open-incident.ts'
import type { Asked } from './permission.ts'
import type { Refusal } from './refusal.ts'

/** Closes an incident and, with it, every grant whose decision says that it ends then. */
export const closeIncident = (
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, 'close_incident', input, {
    asks: (tx, { act }) => ok(askForEach(deps, tx, act.body.incident)),
    run: (tx, { act, envelope }, { now }) =>
      endIncident(deps, tx, act.body.incident, { actor: act.by, act: envelope }, now),
  })

/** To close an incident asks for each system that it affects; for one that no bundle knows any more, about the estate. */
export function askForEach(deps: Deps, view: View, id: string): readonly Asked[] {
  const policy = deps.inForce.policy(view)
  const known = policy.ok ? policy.value.estate.systems : {}
  const systems = view.incident(id)?.systems ?? []
  const ask = { action: 'close_incident' } as const
  if (systems.length === 0) return [ask]
  return systems.map((system) => (Object.hasOwn(known, system) ? { ...ask, system } : ask))
}

/** Whoever closes it: a person's act, or the source that opened it. */
export function endIncident(
  deps: Deps,
  tx: Tx,
  id: string,
  by: Readonly<{ actor: string; act: Envelope | null }>,
  now: Instant,
): Result<Effect, Refusal> {
  const incident = tx.incident(id)
  if (incident === null) return refuse({ code: 'unknown_incident' })
  if (incident.closedAt !== null) return refuse({ code: 'incident_closed' })
  const event = { kind: 'incident_closed', incident: id, act: by.act } as const
  const closed = tx.append(incidentDraft(event, by.actor, now))
  const ended = activeUnder(tx, id).flatMap((grant) => endGrant(deps, tx, grant, now))
  return ok({ entries: [closed, ...ended], incident: id })
}

function endGrant(deps: Deps, tx: Tx, grant: Grant, now: Instant): readonly Placed[] {
  const command = { kind: 'close_incident' } as const
  const changed = changeGrant(deps, tx, grant, command, 'system', now)
  if (!changed.ok) throw new Error(`an active grant can be ended: ${changed.error.code}`)
  return changed.value.entries
}

/** Active grants under the incident whose decision says that it voids them. */
export function activeUnder(view: View, incident: string): readonly Grant[] {
  const found: Grant[] = []
  let after: string | null = null
  do {
    const page = view.grants({ phases: ['active'] }, after, 100)
    found.push(...page.items.filter((grant) => isVoidedBy(grant, incident)))
    after = page.next
  } while (after !== null)
  return found
}

const isVoidedBy = (grant: Grant, incident: string): boolean =>
  isIn(grant, 'active') &&
  grant.terms.incident === incident &&
  grant.voidIf.includes('incident_closed')
