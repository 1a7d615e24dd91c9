/**
 * What the policy is told. Facts from outside are read before the transaction and stamped; those
 * of the ledger are read inside it, so that two requests in one batch see each other (RQ-08).
 *
 * @module
 */
import {
  closureOf,
  type Facts,
  type GrantId,
  type Instant,
  isIn,
  ok,
  type PrincipalId,
  type Result,
  refuse,
  type StepUp,
  secondsAfter,
} from '@halligan/core'
import {
  type Bundle,
  type Estate,
  entitlementOf,
  groupsOf,
  localTime,
  membersOf,
  onCallFor,
  systemOf,
} from '@halligan/policy'
import type { IncidentReading } from '../sources/read-incident.ts'
import type { View } from '../store/port.ts'
import type { RosterInForce } from './in-force.ts'
import { recentAuthors } from './policy-authors.ts'
import type { Refusal } from './refusal.ts'

/** What is asked, in the words of the policy. */
export type FactsAsk = Readonly<{
  grant: GrantId | null
  requester: PrincipalId
  actsFor: readonly PrincipalId[]
  entitlement: string
  lifeSeconds: number
}>

export type Scene = Readonly<{
  view: View
  bundle: Bundle
  inForce: RosterInForce
  now: Instant
}>

/** Facts older than this are not ruled on (PROTOCOL 4). */
export const factsMaxAgeSeconds = 30

const days = (count: number) => count * 24 * 3600

export function factsFor(
  scene: Scene,
  ask: FactsAsk,
  reading: IncidentReading,
  stepUp: StepUp,
): Result<Facts, Refusal> {
  const { view, bundle, inForce, now } = scene
  const system = systemOf(bundle.estate, ask.entitlement)
  if (system === undefined) return refuse({ code: 'unknown_entitlement' })
  if (now - reading.asOf > factsMaxAgeSeconds * 1000)
    return refuse({ code: 'facts_stale', asOf: reading.asOf })
  const monthAgo = secondsAfter(now, -days(30))
  const authors = recentAuthors(view, inForce.directory, now)
  const counted = closureOf(inForce.directory, ask.requester, ask.actsFor)
  return ok({
    asOf: reading.asOf,
    requester: requesterFacts(scene, ask.requester),
    entitlement: ask.entitlement,
    system: system.id,
    lifeSeconds: ask.lifeSeconds,
    incident: incidentFacts(reading, system.id),
    time: localTime(system.zone, reading.asOf),
    stepUp,
    reviews: reviewsOfAll(view, counted),
    uses: {
      ofEntitlementIn30Days: view.uses({ entitlement: ask.entitlement }, monthAgo),
      byPersonIn30Days: counted.reduce(
        (sum, person) => sum + view.uses({ person }, monthAgo),
        0,
      ),
    },
    activeOrPending: held(scene, ask, system.id),
    ownerKnown: system.owners.some((owner) => canAct(inForce, owner)),
    approversEligible: eligibleApprovers(scene, ask).length,
    recentPolicyAuthor: counted.some((person) => authors.has(person)),
  })
}

function requesterFacts(
  { bundle, inForce }: Scene,
  person: PrincipalId,
): Facts['requester'] {
  const principal = inForce.directory.get(person)
  if (principal === undefined) throw new Error(`${person} signed but is in no roster`)
  return {
    person,
    kind: principal.kind,
    groups: groupsOf(bundle.estate, person),
    onCallFor: onCallFor(bundle.estate, person),
  }
}

function incidentFacts(
  { asOf, incident }: IncidentReading,
  system: string,
): Facts['incident'] {
  if (incident === null)
    return { known: false, open: false, severity: 0, ageSeconds: 0, affectsSystem: false }
  return {
    known: true,
    open: incident.closedAt === null,
    severity: incident.severity,
    ageSeconds: Math.max(0, Math.floor((asOf - incident.openedAt) / 1000)),
    affectsSystem: incident.systems.includes(system),
  }
}

/** Of everybody who counts as the requester: an account of one's own is no way round one's own reviews. */
function reviewsOfAll(view: View, people: readonly PrincipalId[]): Facts['reviews'] {
  const each = people.map((person) => view.reviewsOf(person))
  return {
    open: each.reduce((sum, { open }) => sum + open, 0),
    overdue: each.reduce((sum, { overdue }) => sum + overdue, 0),
  }
}

/** What the requester holds or waits for already, counted for the person and not the account. */
function held(
  { view, bundle, inForce }: Scene,
  ask: FactsAsk,
  system: string,
): Facts['activeOrPending'] {
  const grants = closureOf(inForce.directory, ask.requester).flatMap((requester) =>
    standingGrants(view, requester).filter(({ id }) => id !== ask.grant),
  )
  return {
    count: grants.length,
    totalSeconds: grants.reduce((sum, { terms }) => sum + terms.lifeSeconds, 0),
    onSystem: grants.filter(
      ({ terms }) => systemOf(bundle.estate, terms.entitlement)?.id === system,
    ).length,
  }
}

const standingGrants = (view: View, requester: PrincipalId) =>
  view
    .grants(
      { requester, phases: ['requested', 'pending', 'approved', 'active'] },
      null,
      100,
    )
    .items.filter((grant) => isIn(grant, 'requested', 'pending', 'approved', 'active'))

/** Who could approve the quorum route now: a person with a live key, outside the closure. */
export function eligibleApprovers(scene: Scene, ask: FactsAsk): readonly PrincipalId[] {
  const { bundle, inForce, view, now } = scene
  const closure = closureOf(inForce.directory, ask.requester, ask.actsFor)
  const authors = recentAuthors(view, inForce.directory, now)
  return approversOf(bundle.estate, ask.entitlement).filter(
    (person) =>
      !closure.includes(person) &&
      inForce.directory.get(person)?.kind === 'human' &&
      !authors.has(person) &&
      inForce.directory.get(person)?.keys.some(({ approvesFrom }) => approvesFrom <= now),
  )
}

const approversOf = (estate: Estate, entitlement: string): readonly PrincipalId[] => [
  ...new Set(
    (entitlementOf(estate, entitlement)?.routes.quorum?.groups ?? []).flatMap((group) =>
      membersOf(estate, group),
    ),
  ),
]

const canAct = ({ directory }: RosterInForce, person: PrincipalId): boolean =>
  (directory.get(person)?.keys.length ?? 0) > 0

/** A device key proves possession, fresh by its nonce; it never claims that a user was verified. */
export const deviceKeyStepUp = (ageSeconds: number): StepUp => ({
  kind: 'device_key',
  ageSeconds,
  userVerified: false,
  hardwareBound: false,
})
