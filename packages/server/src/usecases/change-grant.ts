/**
 * Every change of a grant is made here: judged by core, entered event by event, announced to those
 * concerned, and followed by the orders to end whatever it ended; all in one transaction.
 *
 * @module
 */
import {
  decide,
  type EndCause,
  endingPhases,
  type Grant,
  type GrantCommand,
  type GrantEvent,
  type GrantId,
  type Instant,
  isIn,
  ok,
  type Result,
  refuse,
} from '@halligan/core'
import type { EntryDraft } from '@halligan/ledger'
import type { Placed, Tx } from '../store/port.ts'
import type { Effect } from './accept-act.ts'
import { announce } from './announce.ts'
import type { Deps } from './deps.ts'
import { endOrders } from './orders.ts'
import type { Refusal } from './refusal.ts'

export type Change = Readonly<{ grant: Grant; entries: readonly Placed[] }>

/** The grant of that id, or the refusal that there is none. */
export function grantOf(tx: Tx, id: GrantId | undefined): Result<Grant, Refusal> {
  const grant = id === undefined ? null : tx.grant(id)
  return grant === null ? refuse({ code: 'unknown_grant' }) : ok(grant)
}

/** What `command` makes of `grant`; `actor` caused it. */
export function changeGrant(
  deps: Deps,
  tx: Tx,
  grant: Grant,
  command: GrantCommand,
  actor: string,
  now: Instant,
): Result<Change, Refusal> {
  const decided = decide(grant, command, now)
  if (!decided.ok) return decided
  const changed = enterEvents(deps, tx, grant.id, decided.value, actor)
  const cause = endCause(grant, changed.grant, command)
  return cause === null ? ok(changed) : ok(endEverywhere(deps, tx, changed, cause, now))
}

/** Enters what happened, one entry each, and tells those whom it concerns. */
export function enterEvents(
  deps: Deps,
  tx: Tx,
  id: GrantId,
  events: readonly GrantEvent[],
  actor: string,
): Change {
  const entries = events.map((event) => tx.append(draftOf(id, event, actor)))
  const grant = tx.grant(id)
  if (grant === null) throw new Error(`corrupt store: ${id} was entered and is not there`)
  events.forEach((event, at) => {
    const placed = entries[at]
    if (placed !== undefined) announce(deps, tx, grant, event, placed.index)
  })
  return { grant, entries }
}

const draftOf = (id: GrantId, event: GrantEvent, actor: string): EntryDraft =>
  ({ ...event, subject: `grant/${id}`, actor }) as unknown as EntryDraft

/** Why access is to end now, if this change is what ended it. */
function endCause(before: Grant, after: Grant, command: GrantCommand): EndCause | null {
  if (before.phase !== 'active' || !isIn(after, ...endingPhases)) return null
  return command.kind === 'close_incident' ? 'incident_closed' : after.phase
}

function endEverywhere(
  deps: Deps,
  tx: Tx,
  { grant, entries }: Change,
  cause: EndCause,
  now: Instant,
): Change {
  const orders = endOrders(deps, grant, cause, now)
  const ordered = decide(grant, { kind: 'order', op: 'end', orders }, now)
  if (!ordered.ok) throw new Error(`an ended grant takes end orders: ${ordered.error.code}`)
  const change = enterEvents(deps, tx, grant.id, ordered.value, 'system')
  return { grant: change.grant, entries: [...entries, ...change.entries] }
}

export const effectOf = ({ grant, entries }: Change): Effect => ({
  entries,
  grant: grant.id,
  phase: grant.phase,
})
