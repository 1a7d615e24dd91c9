/**
 * In which order the ends of one target go, when more are due than it takes at once (L-01): what somebody asks for has a reason,
 * and what is only due has none but the time.
 *
 * @module
 */
import type { Clocks } from './deadline.ts'
import { millisLeft } from './deadline.ts'
import { type Hold, type HoldIn, holdIn, mayStand } from './state.ts'

/**
 * `asked`: a person, an order that says more than that the time is up, or the kill switch. `due`: by a clock. `untouched`: by a
 * clock too, and the target was never asked for anything, so that nothing stands by it as far as is known here.
 */
export type EndRank = 'asked' | 'due' | 'untouched'

export function rankOf({ cause, expired, untouched }: HoldIn<'ending'>): EndRank {
  switch (cause) {
    case 'local_root':
    case 'local_act':
    case 'kill_switch':
      return 'asked'
    case 'order':
      if (expired !== true) return 'asked'
      break
    case 'deadline':
    case 'clock':
    case 'reboot':
    case 'late_apply':
      break
  }
  return untouched === true ? 'untouched' : 'due'
}

/** What must end: asked, due, untouched; among those alike, what is longest past its time first. */
export function byRisk<T extends Readonly<{ hold: Hold }>>(
  items: readonly T[],
  clocks: Clocks,
): readonly T[] {
  // Weighed once each: there may be a hundred thousand.
  return items
    .map((item) => ({ item, weight: weight(item.hold), left: leftOf(item.hold, clocks) }))
    .sort((one, other) => one.weight - other.weight || one.left - other.left)
    .map(({ item }) => item)
}

function weight(hold: Hold): number {
  if (holdIn(hold, 'ending')) return weights[rankOf(hold)]
  return holdIn(hold, 'accepted') ? weights.untouched : weights.due
}

const weights: Readonly<Record<EndRank, number>> = { asked: 0, due: 1, untouched: 2 }

/** Zero for what has no time of its own here. */
function leftOf(hold: Hold, clocks: Clocks): number {
  if (mayStand(hold)) return millisLeft(hold.bound, clocks)
  const opened = holdIn(hold, 'ending') ? hold.opened : null
  return opened === null ? 0 : millisLeft(opened.bound, clocks)
}
