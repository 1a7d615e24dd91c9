/**
 * Whether what has ended is proven absent fast enough, on all targets of all enforcers, as the log tells it (L-01). Somebody is woken
 * once while the last end will come later than the SLO, again when as many more are late, and told once when none is open: not
 * once for each grant.
 *
 * @module
 */
import {
  createEndsWatch,
  type EndsBacklog,
  type EndsTurn,
  type EndsWatch,
  type Instant,
  ok,
} from '@halligan/core'
import { membersOf } from '@halligan/policy'
import type { Tx } from '../store/port.ts'
import { routesFor } from './deliver-notices.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** Past it the number says "very many". */
const mostCounted = 1_000_000

const secondOf = (now: Instant) => Math.floor(now / 1000)

export function endsBacklog({ view, clock, ends }: Deps): EndsBacklog {
  const now = clock.now()
  return ends.read(view().endsOpen(now, mostCounted), secondOf(now))
}

/** Counting costs some 60 ms for 100,000, in which nobody is answered: the more is open, the rarer. */
const secondsBetweenLooks = (endsOpen: number): number =>
  Math.min(30, Math.max(5, Math.floor(endsOpen / 5000)))

export type EndsLooks = EndsWatch &
  Readonly<{
    isLookDue(second: number): boolean
    looked(endsOpen: number, second: number): void
    /** Whether this process has told anything. */
    hasTold(): boolean
  }>

export function createEndsLooks(): EndsLooks {
  let lookAt = Number.NEGATIVE_INFINITY
  let hasTold = false
  const watch = createEndsWatch()
  return {
    ...watch,
    hasTold: () => hasTold,
    told(turn, endsOpen) {
      hasTold = true
      watch.told(turn, endsOpen)
    },
    isLookDue: (second) => second >= lookAt,
    looked(endsOpen, second) {
      lookAt = second + secondsBetweenLooks(endsOpen)
    },
  }
}

/** A receipt that proves one more end was entered. */
export const endProven = ({ ends, clock }: Pick<Deps, 'ends' | 'clock'>): void =>
  ends.proven(secondOf(clock.now()))

/** Nothing is told that cannot be written down: then the next look tries it again. */
export async function watchEnds(deps: Deps): Promise<void> {
  const now = deps.clock.now()
  if (!deps.ends.isLookDue(secondOf(now))) return
  const endsOpen = deps.view().endsOpen(now, mostCounted)
  deps.ends.looked(endsOpen, secondOf(now))
  const turn = deps.ends.turn(endsOpen, secondOf(now))
  if (turn === null) return
  const backlog = deps.ends.read(endsOpen, secondOf(now))
  const written = await deps.writer.submit<boolean, Refusal>({
    name: `ends_${turn}`,
    key: null,
    patient: true,
    ending: true,
    run: (tx, at) => ok(announceTurn(deps, tx, turn, backlog, at)),
  })
  if (!written.ok) return
  // The first that a process finds may have been told by the one before. What comes later waits until it may be told.
  if (written.value || !deps.ends.hasTold()) deps.ends.told(turn, endsOpen)
}

/** After a restart the same backlog is found late anew: it is not told again so soon. */
const mostAlerts = { alerts: 1, seconds: 600 } as const

/** False when it may not be told so soon, or there is nobody to tell. */
function announceTurn(
  deps: Deps,
  tx: Tx,
  turn: EndsTurn,
  backlog: EndsBacklog,
  at: Instant,
): boolean {
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) return false
  if (turn === 'late' && !tx.takeAlert('ends_late', at, mostAlerts)) return false
  const { estate } = policy.value
  const [kind, urgency] =
    turn === 'late' ? (['ends_late', 'page'] as const) : (['ends_in_time', 'tell'] as const)
  for (const to of membersOf(estate, estate.security))
    tx.putNotice(
      {
        id: `${kind}.${at}.${to}`,
        at,
        kind,
        grant: null,
        payload: { to, urgency, ...backlog },
      },
      routesFor(deps, urgency),
    )
  return true
}
