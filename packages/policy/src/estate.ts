/**
 * `estate.yaml`: what there is, who stands in which group, and by which routes access may be asked for.
 * It holds ids, numbers and enums only. Who may do what with it, the Cedar policies say.
 *
 * @module
 */
import {
  floor,
  type PrincipalId,
  type Result,
  type RouteName,
  type RouteTerms,
  type TermsTarget,
} from '@halligan/core'
import { checkDrift, type DriftPolicy, driftName } from './drift.ts'
import { isZone } from './local-time.ts'
import type { BundleProblem } from './problem.ts'
import {
  flag,
  listOf,
  mapOf,
  oneOf,
  type Path,
  type Report,
  record,
  type Shape,
  setOf,
  slug,
  whole,
} from './shape.ts'
import { readYaml } from './yaml-file.ts'

export type System = Readonly<{
  /** 0 is the most critical. */
  tier: number
  /** IANA name; policy's working hours are read in it. */
  zone: string
  /** People who answer for the system. */
  owners: readonly PrincipalId[]
  /** The group that answers when no owner lives. */
  steward?: string
  /** The group that reviews use of the system. */
  reviewers: string
  /** Part of Halligan's own control plane: its policy, its log, its keys (RQ-16). */
  meta?: boolean
}>

export type Entitlement = Readonly<{
  system: string
  targets: readonly TermsTarget[]
  maxLifeSeconds: number
  /** The privileges outlive any revocation; accepted knowingly. */
  unendable?: boolean
  routes: Readonly<Partial<Record<RouteName, RouteTerms>>>
}>

export type Estate = Readonly<{
  /** The group of last resort for systems that nobody owns. */
  security: string
  groups: Readonly<Record<string, readonly PrincipalId[]>>
  systems: Readonly<Record<string, System>>
  entitlements: Readonly<Record<string, Entitlement>>
  onCall: Readonly<Record<string, readonly PrincipalId[]>>
  policyChange: Readonly<{ approvals: number; groups: readonly string[] }>
  voidIf: readonly 'incident_closed'[]
  revokeSloSeconds: number
  /** What of drift pages. Left out, all does but what can wait. */
  drift?: DriftPolicy
}>

/** In this order routes are judged and shown. */
export const routeNames = [
  'quorum',
  'solo',
  'timed',
  'escrow',
  'offline',
] as const satisfies readonly RouteName[]

const person = slug as Shape<PrincipalId>

const zone: Shape<string> = (value, at, report) => {
  if (typeof value === 'string' && isZone(value)) return value
  report(at, 'an IANA time zone is expected, like Europe/Berlin')
  return undefined
}

/** One exact privilege, `kind:name`. No pattern, path or list hides in it (RQ-04). */
const privilege: Shape<string> = (value, at, report) => {
  if (typeof value === 'string' && /^[a-z]{1,20}:[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(value))
    return value
  report(at, 'one exact privilege is expected, like role:payments_repair')
  return undefined
}

const life = whole(1, floor.maxLifeSeconds)

const route = record({
  approvals: whole(0, 9),
  groups: setOf(slug),
  maxLifeSeconds: life,
  approvalSeconds: whole(1, floor.maxApprovalSeconds),
  activationSeconds: whole(1, floor.maxActivationSeconds),
  reviewSeconds: whole(1, floor.maxReviewSeconds),
})

type RouteText = NonNullable<ReturnType<typeof route>>

const routes: Shape<Entitlement['routes']> = (value, at, report) => {
  const read = mapOf(route)(value, at, report)
  if (read === undefined) return undefined
  const named = Object.entries(read).map(([name, terms]) =>
    namedRoute(name, terms, at, report),
  )
  const sound = named.filter((terms) => terms !== undefined)
  if (sound.length === 0) report(at, 'at least one route is expected')
  if (sound.length === 0 || sound.length < named.length) return undefined
  return Object.fromEntries(sound.map((terms) => [terms.name, terms]))
}

function namedRoute(
  name: string,
  terms: RouteText,
  at: Path,
  report: Report,
): RouteTerms | undefined {
  const known = oneOf('quorum', 'solo')(name, [...at, name], report)
  if (known === undefined) return undefined
  const { approvals, groups } = terms
  const unsound =
    (known === 'quorum') !== approvals > 0 || approvals > 0 !== groups.length > 0
  if (!unsound) return { name: known, ...terms }
  report(
    [...at, name],
    'a quorum has approvals and groups to give them; solo has 0 approvals and no groups',
  )
  return undefined
}

const system = record(
  {
    tier: whole(0, 9),
    zone,
    owners: setOf(person),
    steward: slug,
    reviewers: slug,
    meta: flag,
  },
  ['steward', 'meta'],
)

const entitlement = record(
  {
    system: slug,
    targets: listOf(
      record({ target: slug, enforcer: slug, privileges: setOf(privilege, 1) }),
      1,
    ),
    maxLifeSeconds: life,
    unendable: flag,
    routes,
  },
  ['unendable'],
)

const estateShape = record(
  {
    security: slug,
    groups: mapOf(setOf(person)),
    systems: mapOf(system),
    entitlements: mapOf(entitlement),
    onCall: mapOf(setOf(person)),
    policyChange: record({ approvals: whole(1, 9), groups: setOf(slug, 1) }),
    voidIf: setOf(oneOf('incident_closed')),
    revokeSloSeconds: whole(1, 3600),
    drift: record({ page: setOf(driftName), tell: setOf(driftName) }),
  },
  ['drift'],
)

/** Every name that is used must be declared, and no route may outlive its entitlement. */
const soundEstate: Shape<Estate> = (value, at, report) => {
  const estate = estateShape(value, at, report)
  if (estate === undefined) return undefined
  let sound = true
  const complain: Report = (path, reason) => {
    sound = false
    report(path, reason)
  }
  checkReferences(estate, complain)
  checkEntitlements(estate, complain)
  checkDrift(estate.drift, complain)
  return sound ? estate : undefined
}

export const readEstate = (source: string): Result<Estate, readonly BundleProblem[]> =>
  readYaml('estate.yaml', source, soundEstate)

function checkReferences(estate: Estate, report: Report): void {
  const group = (name: string | undefined, at: Path) => {
    if (name !== undefined && !Object.hasOwn(estate.groups, name))
      report(at, `no group is called ${name}`)
  }
  const systemAt = (name: string, at: Path) => {
    if (!Object.hasOwn(estate.systems, name)) report(at, `no system is called ${name}`)
  }
  group(estate.security, ['security'])
  for (const [index, name] of estate.policyChange.groups.entries())
    group(name, ['policyChange', 'groups', index])
  for (const [id, { steward, reviewers }] of Object.entries(estate.systems)) {
    group(steward, ['systems', id, 'steward'])
    group(reviewers, ['systems', id, 'reviewers'])
  }
  for (const id of Object.keys(estate.onCall)) systemAt(id, ['onCall', id])
  for (const [id, { system, routes }] of Object.entries(estate.entitlements)) {
    systemAt(system, ['entitlements', id, 'system'])
    for (const { name, groups } of Object.values(routes))
      for (const used of groups) group(used, ['entitlements', id, 'routes', name, 'groups'])
  }
}

function checkEntitlements(estate: Estate, report: Report): void {
  for (const [id, { maxLifeSeconds, routes, targets }] of Object.entries(
    estate.entitlements,
  )) {
    for (const route of Object.values(routes))
      if (route.maxLifeSeconds > maxLifeSeconds)
        report(
          ['entitlements', id, 'routes', route.name, 'maxLifeSeconds'],
          `longer than the entitlement's own ${maxLifeSeconds} seconds`,
        )
    const names = targets.map(({ target }) => target)
    if (new Set(names).size < names.length)
      report(['entitlements', id, 'targets'], 'a target stands twice')
  }
}

/** Undefined for an id that the estate does not hold. */
export const entitlementOf = (estate: Estate, id: string): Entitlement | undefined =>
  Object.hasOwn(estate.entitlements, id) ? estate.entitlements[id] : undefined

export const routesOf = (entitlement: Entitlement): readonly RouteTerms[] =>
  routeNames.flatMap((name) => entitlement.routes[name] ?? [])

/** The system of an entitlement, with its id. */
export function systemOf(
  estate: Estate,
  entitlement: string,
): (System & { readonly id: string }) | undefined {
  const id = entitlementOf(estate, entitlement)?.system
  const found = id === undefined ? undefined : estate.systems[id]
  return id === undefined || found === undefined ? undefined : { id, ...found }
}

/** The systems that some entitlement reaches through `target`. */
export const systemsOf = (estate: Estate, target: string): readonly System[] => {
  const ids = Object.values(estate.entitlements)
    .filter(({ targets }) => targets.some((one) => one.target === target))
    .map(({ system }) => system)
  return [...new Set(ids)].flatMap((id) => estate.systems[id] ?? [])
}

/** The group that reviews use of an entitlement. */
export const reviewersOf = (estate: Estate, entitlement: string): string | undefined =>
  systemOf(estate, entitlement)?.reviewers

/** Nobody for a group that the estate does not hold. */
export const membersOf = (estate: Estate, group: string): readonly PrincipalId[] =>
  (Object.hasOwn(estate.groups, group) ? estate.groups[group] : undefined) ?? []

export const groupsOf = (estate: Estate, person: PrincipalId): readonly string[] =>
  Object.keys(estate.groups)
    .filter((group) => membersOf(estate, group).includes(person))
    .sort()

/** The systems for which `person` is on call. */
export const onCallFor = (estate: Estate, person: PrincipalId): readonly string[] =>
  Object.entries(estate.onCall)
    .filter(([, people]) => people.includes(person))
    .map(([id]) => id)
    .sort()

/** Everyone that some group lists. */
export const everyone = (estate: Estate): readonly PrincipalId[] =>
  [...new Set(Object.values(estate.groups).flat())].sort()
