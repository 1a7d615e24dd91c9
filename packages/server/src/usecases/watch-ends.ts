/**
 * Whether what has ended is proven absent fast enough, on all targets of all enforcers, as the log tells it (L-01). Somebody is woken
 * once while the last end will come later than the SLO, and told once when that is over: not once for each grant.
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

/** So often at most: counting costs the more the more is open. */
const secondsBetweenLooks = 5

export type EndsLooks = EndsWatch & Readonly<{ isLookDue(second: number): boolean }>

export function createEndsLooks(): EndsLooks {
  let lookedAt = Number.NEGATIVE_INFINITY
  return {
    ...createEndsWatch(),
    isLookDue(second) {
      if (second < lookedAt + secondsBetweenLooks) return false
      lookedAt = second
      return true
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
  const turn = deps.ends.turn(endsOpen, secondOf(now))
  if (turn === null) return
  const backlog = deps.ends.read(endsOpen, secondOf(now))
  const written = await deps.writer.submit<null, Refusal>({
    name: `ends_${turn}`,
    key: null,
    ending: true,
    run: (tx, at) => {
      announceTurn(deps, tx, turn, backlog, at)
      return ok(null)
    },
  })
  if (written.ok) deps.ends.told(turn)
}

/** After a restart the same backlog is found late anew: it is not told again so soon. */
const mostAlerts = { alerts: 1, seconds: 600 } as const

function announceTurn(
  deps: Deps,
  tx: Tx,
  turn: EndsTurn,
  backlog: EndsBacklog,
  at: Instant,
): void {
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) return
  if (turn === 'late' && !tx.takeAlert('ends_late', at, mostAlerts)) return
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
}
