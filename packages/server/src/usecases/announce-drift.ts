/**
 * Who hears of drift. What no grant explains concerns those who answer for what the target serves: the owners of each system
 * that an entitlement reaches through it, and security (EN-16, EN-26).
 *
 * @module
 */
import type { Instant, PrincipalId } from '@halligan/core'
import {
  type Bundle,
  driftUrgency,
  type Estate,
  membersOf,
  type System,
  systemsOf,
  type Urgency,
} from '@halligan/policy'
import type { Tx } from '../store/port.ts'
import { routesFor } from './deliver-notices.ts'
import type { Deps } from './deps.ts'

/** A target that comes and goes is told of so often in so long; each time is in the ledger all the same (P-05). */
const mostAlerts = { alerts: 5, seconds: 600 } as const

/** Null when this drift was told of enough lately. */
export function urgencyOfDrift(
  tx: Tx,
  estate: Estate,
  target: string,
  what: string,
  now: Instant,
): Urgency | null {
  const told = tx.takeAlert(`drift ${target} ${what}`, now, mostAlerts)
  return told ? driftUrgency(estate, what) : null
}

export type TargetDrift = Readonly<{
  index: number
  at: Instant
  target: string
  enforcer: string
  what: string
}>

/** Without a policy in force there is nobody to tell, and no grant could have been made. */
export function announceDrift(deps: Deps, tx: Tx, drift: TargetDrift): void {
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) return
  const { index, at, target, enforcer, what } = drift
  const { estate } = policy.value
  const urgency = urgencyOfDrift(tx, estate, target, what, at)
  if (urgency === null) return
  for (const to of watchersOf(policy.value, target))
    tx.putNotice(
      {
        id: `${index}.drift_seen.${to}`,
        at,
        kind: 'drift_seen',
        grant: null,
        payload: { to, urgency, target, enforcer, what },
      },
      routesFor(deps, urgency),
    )
}

function watchersOf({ estate }: Bundle, target: string): ReadonlySet<PrincipalId> {
  const answering = ({ owners, steward }: System) =>
    owners.length > 0 || steward === undefined ? owners : membersOf(estate, steward)
  return new Set([
    ...systemsOf(estate, target).flatMap(answering),
    ...membersOf(estate, estate.security),
  ])
}
