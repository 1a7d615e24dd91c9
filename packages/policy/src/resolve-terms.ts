import {
  type Commitment,
  type GrantId,
  isSlug,
  lifeLimit,
  ok,
  type PrincipalId,
  type PrincipalKind,
  type Result,
  type RouteName,
  refuse,
  type Terms,
} from '@halligan/core'
import { type Estate, entitlementOf, routesOf } from './estate.ts'

/** What a requester asks for, before the estate fills in what exactly that is. */
export type TermsAsk = Readonly<{
  estateName: string
  grant: GrantId
  requester: PrincipalId
  actsFor?: readonly PrincipalId[]
  entitlement: string
  route: RouteName
  lifeSeconds: number
  incident: string
  reasonCommitment: Commitment
}>

export type TermsRefusal = Readonly<
  | { code: 'unknown_entitlement' }
  | { code: 'unknown_route'; routes: readonly RouteName[] }
  | { code: 'life_out_of_range'; maxLifeSeconds: number }
  | { code: 'malformed_incident' }
>

/**
 * The exact terms of `ask` under `estate`: same ask, same estate, same terms, to the byte. Privileges
 * and targets come out explicit and sorted; what is asked for by pattern or path is unknown (RQ-04).
 */
export function resolveTerms(
  estate: Estate,
  ask: TermsAsk,
  kind: PrincipalKind = 'human',
): Result<Terms, TermsRefusal> {
  const entitlement = entitlementOf(estate, ask.entitlement)
  if (entitlement === undefined) return refuse({ code: 'unknown_entitlement' })
  const routes = routesOf(entitlement)
  const route = routes.find(({ name }) => name === ask.route)
  if (route === undefined)
    return refuse({ code: 'unknown_route', routes: routes.map(({ name }) => name) })
  const maxLifeSeconds = lifeLimit(route, kind)
  if (!Number.isSafeInteger(ask.lifeSeconds) || ask.lifeSeconds < 1)
    return refuse({ code: 'life_out_of_range', maxLifeSeconds })
  if (ask.lifeSeconds > maxLifeSeconds)
    return refuse({ code: 'life_out_of_range', maxLifeSeconds })
  if (!isSlug(ask.incident)) return refuse({ code: 'malformed_incident' })
  const actsFor = [...new Set(ask.actsFor ?? [])].sort()
  return ok({
    estate: ask.estateName,
    grant: ask.grant,
    revision: 1,
    requester: ask.requester,
    ...(actsFor.length > 0 ? { actsFor } : {}),
    entitlement: ask.entitlement,
    targets: entitlement.targets
      .map((target) => ({ ...target, privileges: target.privileges.toSorted() }))
      .sort((one, other) => (one.target < other.target ? -1 : 1)),
    route: {
      name: route.name,
      approvals: route.approvals,
      groups: route.groups.toSorted(),
    },
    lifeSeconds: ask.lifeSeconds,
    incident: ask.incident,
    reasonCommitment: ask.reasonCommitment,
  })
}
