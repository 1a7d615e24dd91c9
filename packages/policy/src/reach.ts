/**
 * Who could ever get in by a route, found by judging everyone whom the estate knows under the best of
 * circumstances.
 *
 * @module
 */
import {
  closureOf,
  type Directory,
  type Facts,
  type Instant,
  type PrincipalId,
  type PrincipalKind,
  type RouteTerms,
} from '@halligan/core'
import type { Bundle } from './bundle.ts'
import {
  type Estate,
  everyone,
  groupsOf,
  membersOf,
  onCallFor,
  systemOf,
} from './estate.ts'

/** Null where no directory is at hand: then everyone in a group lives, as human or as agent. */
export type People = Directory | null

/** Those for whom `route` of `entitlement` opens in some emergency. */
export const requestersOf = (
  bundle: Bundle,
  people: People,
  entitlement: string,
  route: RouteTerms,
): readonly PrincipalId[] =>
  everyone(bundle.estate).filter((person) =>
    kindsOf(people, person).some((kind) =>
      emergencies(bundle, people, entitlement, route, { person, kind }).some((facts) =>
        bundle.rule(facts).open.some(({ name }) => name === route.name),
      ),
    ),
  )

/** Humans who may approve a request of `requester` by `route`. */
export function approversFor(
  estate: Estate,
  people: People,
  route: RouteTerms,
  requester: PrincipalId,
): readonly PrincipalId[] {
  const closure = people === null ? [requester] : closureOf(people, requester)
  const members = new Set(route.groups.flatMap((group) => membersOf(estate, group)))
  return [...members].filter(
    (person) => !closure.includes(person) && isLivingHuman(people, person),
  )
}

export const isLivingHuman = (people: People, person: PrincipalId): boolean =>
  people === null || people.get(person)?.kind === 'human'

const kindsOf = (people: People, person: PrincipalId): readonly PrincipalKind[] => {
  if (people === null) return ['human', 'agent']
  const kind = people.get(person)?.kind
  return kind === undefined ? [] : [kind]
}

function emergencies(
  { estate }: Bundle,
  people: People,
  entitlement: string,
  route: RouteTerms,
  { person, kind }: Readonly<{ person: PrincipalId; kind: PrincipalKind }>,
): readonly Facts[] {
  const system = systemOf(estate, entitlement)
  if (system === undefined) return []
  const { id, zone } = system
  const eligible = approversFor(estate, people, route, person).length
  return [1, 2, 3].flatMap((severity) =>
    [wednesdayNoon, sundayNight].map((time) => ({
      asOf: 0 as Instant,
      requester: {
        person,
        kind,
        groups: groupsOf(estate, person),
        onCallFor: onCallFor(estate, person),
      },
      entitlement,
      system: id,
      lifeSeconds: Math.min(60, route.maxLifeSeconds),
      incident: {
        known: true,
        open: true,
        severity,
        ageSeconds: 3600,
        affectsSystem: true,
      },
      time: { zone, ...time },
      stepUp: {
        kind: 'device_key',
        ageSeconds: 0,
        userVerified: false,
        hardwareBound: false,
      },
      reviews: { open: 0, overdue: 0 },
      uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 },
      activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 },
      ownerKnown: true,
      approversEligible: eligible,
      recentPolicyAuthor: false,
    })),
  )
}

const wednesdayNoon = { weekday: 3, minuteOfDay: 720 }
const sundayNight = { weekday: 7, minuteOfDay: 180 }
