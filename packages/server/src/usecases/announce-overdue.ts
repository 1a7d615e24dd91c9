/**
 * Ten thousand targets that are overdue at once are one emergency: somebody who is woken ten thousand times hears of nothing else
 * any more (L-01, P-05). Each has an entry of its own all the same.
 *
 * @module
 */
import type { Instant, PrincipalId } from '@halligan/core'
import type { Tx } from '../store/port.ts'
import { routesFor } from './deliver-notices.ts'
import type { Deps } from './deps.ts'

/** So many pages each for one person, and the rest of that time in one page that counts them. */
const mostAlerts = { alerts: 5, seconds: 60 } as const

/**
 * False when this one is counted in a page for all of its minute, which goes out when the minute is over, and is queued in this
 * transaction like any other.
 */
export function mayTellOverdue(deps: Deps, tx: Tx, to: PrincipalId, at: Instant): boolean {
  if (tx.takeAlert(`overdue ${to}`, at, mostAlerts)) return true
  const minute = Math.floor(at / 60_000)
  const kind = 'many_accesses_not_ended'
  tx.countInNotice(
    {
      ...{ id: `${kind}.${minute}.${to}`, at, kind, grant: null },
      payload: { to, urgency: 'page', count: 0 },
    },
    routesFor(deps, 'page'),
    ((minute + 1) * 60_000) as Instant,
  )
  return false
}
