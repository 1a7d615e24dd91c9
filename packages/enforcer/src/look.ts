/**
 * One look at all that is held: what must end now, what else there is to do, and when to look again. It changes nothing.
 *
 * @module
 */
import type { GrantId, Instant, Work } from '@halligan/core'
import { exposedBy, mayRotate } from './accounts.ts'
import type { Ending } from './begin-end.ts'
import { type Clocks, millisLeft, mustEnd } from './deadline.ts'
import { byRisk } from './risk.ts'
import type { Place, Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

/**
 * A grant's ending waits for nothing else that is under way for it: what an `apply` that it overtakes may still do is awaited
 * before absence is believed, and not before the access is ended.
 */
export type LaneKey = GrantId | `end ${GrantId}`

export const keyOf = (grant: GrantId, work: Work): LaneKey =>
  work === 'end' ? `end ${grant}` : grant

export const grantOf = (key: LaneKey): GrantId => key.replace(/^end /, '') as GrantId

export type Seen = Readonly<{
  /** What may stand no longer. Nothing is to be done for it but to begin its end. */
  due: readonly Due[]
  /** Endings in the order of risk, then the rest. Nothing that is under way. */
  work: readonly Readonly<{ hold: Hold; work: Work }>[]
  /** Milliseconds until the next bound that these clocks can see. */
  wait: number
  /** Due or ending, under way or not. */
  endsOpen: number
}>

export type Due = Readonly<{ hold: Hold; cause: Ending['cause'] }>

/**
 * `highestWall` is from before this reading of the clocks: against that they are judged. `isBusy`: it waits or runs already. Then
 * nothing that costs anything is asked about it, for there may be very many.
 */
export function lookOver(
  site: Site,
  clocks: Clocks,
  highestWall: Instant,
  isBusy: (place: Place, work: Work) => boolean,
): Seen {
  const due: Due[] = []
  const ends: Seen['work'][number][] = []
  const others: Seen['work'][number][] = []
  let wait = Number.POSITIVE_INFINITY
  let ending = 0
  for (const hold of site.books.unfinished()) {
    const cause = mayStand(hold) ? mustEnd(hold.bound, clocks, highestWall) : null
    if (mayStand(hold) && cause === null)
      wait = Math.min(wait, millisLeft(hold.bound, clocks))
    if (cause !== null) due.push({ hold, cause })
    else if (holdIn(hold, 'ending')) {
      ending++
      if (!isBusy(hold, 'end')) ends.push({ hold, work: 'end' })
    } else if (!holdIn(hold, 'applied') && !isBusy(hold, 'apply')) {
      const work = workOf(site, hold)
      if (work !== null) others.push({ hold, work })
    }
  }
  const work = [...byRisk(ends, clocks), ...others]
  return { due, work, wait, endsOpen: due.length + ending }
}

export function workOf(site: Site, hold: Hold): Work | null {
  if (holdIn(hold, 'accepted', 'applying')) return 'apply'
  if (holdIn(hold, 'ending')) return 'end'
  if (!holdIn(hold, 'absent') || hold.cleaned) return null
  if (exposedBy(hold) === null) return 'clean'
  return mayRotate(site, hold) ? 'rotate' : null
}
