import type { PrincipalKind } from './principal.ts'
import type { Facts, RouteTerms } from './ruling.ts'
import type { Terms } from './terms.ts'

/**
 * The hard floor: what holds in every deployment, in code. Policy can add to it and never
 * take from it.
 */
export const floor = {
  maxLifeSeconds: 4 * 3600,
  maxWorkloadLifeSeconds: 600,
  maxApprovalSeconds: 24 * 3600,
  maxActivationSeconds: 3600,
  maxReviewSeconds: 7 * 24 * 3600,
  applyBeforeSeconds: 120,
  revokeSloSeconds: 60,
  /** From the end of a grant until the shared secret that it exposed is another one. */
  rotateSloSeconds: 3600,
  /** One principal's active and pending grants, all together. */
  maxGrantsAtOnce: 5,
} as const

/** What the floor says against `route`, in words for the requester. Empty: nothing. */
export function floorForbids(route: RouteTerms, facts: Facts): readonly string[] {
  const reasons: string[] = []
  const workload = facts.requester.kind !== 'human'
  if (route.approvals < 0 || !Number.isInteger(route.approvals))
    reasons.push('the route has no whole number of approvals')
  if (route.name === 'quorum' && route.approvals < 1)
    reasons.push('the quorum route needs at least one approval')
  if (workload && route.approvals < 1)
    reasons.push('a workload needs at least one human approval')
  if (facts.lifeSeconds > lifeLimit(route, facts.requester.kind))
    reasons.push(
      `the life asked for is over ${lifeLimit(route, facts.requester.kind)} seconds`,
    )
  if (facts.lifeSeconds < 1) reasons.push('the life asked for is under one second')
  if (facts.activeOrPending.count >= floor.maxGrantsAtOnce)
    reasons.push(`${floor.maxGrantsAtOnce} grants of the requester are open already`)
  return reasons
}

export const lifeLimit = (route: RouteTerms, kind: PrincipalKind): number =>
  Math.min(
    route.maxLifeSeconds,
    kind === 'human' ? floor.maxLifeSeconds : floor.maxWorkloadLifeSeconds,
  )

/** A rehearsal: its incident's id says so, and people sign the terms that name the incident. */
export const isDrill = (terms: Terms): boolean => terms.incident.startsWith('drill-')
