import {
  type ClosedRoute,
  type Digest,
  type Facts,
  floorForbids,
  type RouteTerms,
  type Ruling,
} from '@halligan/core'
import { engine, type Policy, type PolicySet } from './cedar.ts'
import { type Estate, entitlementOf, routesOf } from './estate.ts'
import { checkFacts } from './facts.ts'
import { breakGlass } from './question.ts'

/** What judging needs of a bundle. */
export type Rules = Readonly<{ digest: Digest; estate: Estate; policies: PolicySet }>

/**
 * Which routes are open under `facts`. Pure: the same facts and bundle give the same ruling, which is
 * how a recorded one is replayed (INV-19). Facts that cannot be judged close every route.
 */
export function rule(rules: Rules, facts: Facts): Ruling {
  const { digest: bundleDigest, estate } = rules
  const entitlement = entitlementOf(estate, facts.entitlement)
  const routes = entitlement === undefined ? [] : routesOf(entitlement)
  const judged = routes.map((route) => ({ route, closed: whyClosed(rules, route, facts) }))
  return {
    bundleDigest,
    engine,
    facts,
    open: judged.filter(({ closed }) => closed === null).map(({ route }) => route),
    closed: judged.flatMap(({ closed }) => closed ?? []),
  }
}

/** Null when the route is open. Policy and floor are both asked, whatever the other says. */
export function whyClosed(
  { estate, policies }: Rules,
  route: RouteTerms,
  facts: Facts,
): ClosedRoute | null {
  const sound = checkFacts(estate, facts)
  if (!sound.ok)
    return { route: route.name, forbids: [], reasons: [`eval_error: ${sound.error}`] }
  const answer = policies.ask(breakGlass(estate, route, sound.value))
  const forbids = answer.determining.filter(
    (id) => policies.policies.get(id)?.effect === 'forbid',
  )
  const reasons = [
    ...answer.errors.map((error) => `eval_error: ${error}`),
    ...forbids.map((id) => adviceOf(id, policies.policies.get(id))),
    ...floorForbids(route, sound.value),
  ]
  if (answer.allowed && reasons.length === 0) return null
  if (reasons.length === 0) reasons.push('no policy permits it')
  return { route: route.name, forbids, reasons }
}

const adviceOf = (id: string, policy: Policy | undefined): string => policy?.advice ?? id
