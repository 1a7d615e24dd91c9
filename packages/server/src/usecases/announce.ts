/**
 * Who hears of what. Notices are queued in the transaction of the event, so none can be lost between the two;
 * their payloads hold ids and enums only.
 *
 * @module
 */
import {
  closureOf,
  type Grant,
  type GrantEvent,
  type Instant,
  isIn,
  openedPhases,
  type PrincipalId,
} from '@halligan/core'
import { type Bundle, membersOf, systemOf } from '@halligan/policy'
import type { Tx } from '../store/port.ts'
import { urgencyOfDrift } from './announce-drift.ts'
import { mayTellOverdue } from './announce-overdue.ts'
import { routesFor } from './deliver-notices.ts'
import type { Deps } from './deps.ts'

type People = readonly PrincipalId[]

/** `page` wakes somebody; `tell` can wait for the morning. */
type Announcement = Readonly<{ kind: string; urgency: 'page' | 'tell'; to: People }>

/** The people around one grant. */
type Circle = Readonly<{
  requester: People
  owners: People
  security: People
  approvers: People
  reviewers: People
}>

export function announce(
  deps: Deps,
  tx: Tx,
  grant: Grant,
  event: GrantEvent,
  index: number,
): void {
  if (!heard.has(event.kind)) return
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) throw new Error('corrupt store: a grant without any policy')
  const circle = circleOf(deps, tx, policy.value, grant)
  const heardOf =
    event.kind === 'reported' && event.report.kind === 'drifted'
      ? driftAnnouncements(tx, policy.value, event, event.report.what, circle)
      : announcements(grant, event, circle)
  for (const { kind, urgency, to } of heardOf)
    for (const person of new Set(to)) {
      if (event.kind === 'overdue' && !mayTellOverdue(deps, tx, person, event.at)) continue
      tx.putNotice(
        {
          id: `${index}.${kind}.${person}`,
          at: event.at,
          kind,
          grant: grant.id,
          payload: {
            to: person,
            urgency,
            entitlement: grant.terms.entitlement,
            requester: grant.terms.requester,
            route: grant.terms.route.name,
            incident: grant.terms.incident,
            drill: grant.drill,
          },
        },
        routesFor(deps, urgency),
      )
    }
}

/** Events that anybody is told of at all. */
const heard: ReadonlySet<GrantEvent['kind']> = new Set([
  'ruled',
  'approved',
  'denied',
  'lapsed',
  'activated',
  'expired',
  'revoked',
  'returned',
  'overdue',
  'rotation_overdue',
  'review_overdue',
  'reported',
  'attested',
  'closed',
  'superseded',
])

function announcements(
  grant: Grant,
  event: GrantEvent,
  circle: Circle,
): readonly Announcement[] {
  const { requester, owners, security, approvers, reviewers } = circle
  const solo = grant.terms.route.name === 'solo'
  const watch = [...owners, ...security]
  switch (event.kind) {
    case 'ruled':
      return [
        solo ? page('solo_requested', watch) : page('approval_wanted', approvers),
        ...(event.facts.reviews.overdue > 0
          ? [page('requested_despite_overdue_reviews', [...watch, ...reviewers])]
          : []),
      ]
    case 'approved':
      return [page('approved', requester)]
    case 'denied':
    case 'lapsed':
      return [tell(event.kind, requester)]
    case 'activated':
      return [solo ? page('solo_activated', watch) : tell('activated', owners)]
    case 'expired':
    case 'revoked':
    case 'returned':
      return [tell('access_ended', requester), tell('review_wanted', reviewers)]
    case 'overdue':
      return [page('access_not_ended', watch)]
    case 'rotation_overdue':
      return [page('secret_not_rotated', watch)]
    case 'review_overdue':
      return [page('review_overdue', [...reviewers, ...requester, ...security])]
    case 'reported':
      return reportAnnouncements(event.report.kind, circle)
    case 'attested':
      return [page('absence_attested', watch)]
    case 'closed':
    case 'superseded':
      return [tell(`review_${event.finding}`, [...requester, ...watch])]
    default:
      return []
  }
}

function reportAnnouncements(
  report: string,
  { requester, owners }: Circle,
): readonly Announcement[] {
  return report === 'refused' ? [page('order_refused', [...requester, ...owners])] : []
}

function driftAnnouncements(
  tx: Tx,
  { estate }: Bundle,
  { target, at }: Readonly<{ target: string; at: Instant }>,
  what: string,
  { owners, security }: Circle,
): readonly Announcement[] {
  const urgency = urgencyOfDrift(tx, estate, target, what, at)
  return urgency === null
    ? []
    : [{ kind: 'drift_seen', urgency, to: [...owners, ...security] }]
}

const page = (kind: string, to: People): Announcement => ({ kind, urgency: 'page', to })
const tell = (kind: string, to: People): Announcement => ({ kind, urgency: 'tell', to })

function circleOf(deps: Deps, tx: Tx, { estate }: Bundle, grant: Grant): Circle {
  const { requester, actsFor, entitlement, route } = grant.terms
  const { directory } = deps.inForce.roster(tx)
  const system = systemOf(estate, entitlement)
  const closure = closureOf(directory, requester, actsFor)
  const outside = (groups: readonly string[]) =>
    groups
      .flatMap((group) => membersOf(estate, group))
      .filter((person) => !closure.includes(person))
  const involved = isIn(grant, ...openedPhases) ? grant.approvers : []
  const { owners = [], steward, reviewers } = system ?? {}
  return {
    requester: [requester],
    owners: owners.length > 0 ? owners : outside(steward === undefined ? [] : [steward]),
    security: membersOf(estate, estate.security),
    approvers: outside(route.groups),
    reviewers: outside(reviewers === undefined ? [] : [reviewers]).filter(
      (person) => !involved.includes(person),
    ),
  }
}
