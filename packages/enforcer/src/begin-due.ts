/**
 * Very many ends that are due at one instant are written down a few at a time, so that what has begun already goes on, and
 * what else there is to do is done, meanwhile (L-01). What a crash leaves is due still, and is found again.
 *
 * @module
 */
import { beginEnds, type Ending, mostBegunAtOnce } from './begin-end.ts'
import type { Clocks } from './deadline.ts'
import type { Due } from './look.ts'
import { byRisk } from './risk.ts'
import type { Place, Site } from './site.ts'

export type Beginning = Readonly<{
  /** Begins the riskiest at once and the others soon. Nothing while some of an earlier call are left: they are looked for again. */
  begin(due: readonly Due[], clocks: Clocks): void
  /** How many are not written down yet. */
  left(): number
  stop(): void
}>

export type BeginningSteps = Readonly<{
  begun(place: Place): void
  /** The last of more than one portion is written. */
  over(): void
  /** Runs one portion, and hears of what it throws. */
  guarded(work: () => void): void
}>

export function createBeginning(site: Site, steps: BeginningSteps): Beginning {
  let endings: readonly Ending[] = []
  let next = 0
  let cancel = () => {}

  const portion = () => {
    const began = site.clock.read().bootMillis
    const some = endings.slice(next, next + mostBegunAtOnce)
    next += some.length
    for (const place of beginEnds(site, some)) steps.begun(place)
    if (next < endings.length) return rest(site.clock.read().bootMillis - began)
    const wereMany = endings.length > mostBegunAtOnce
    endings = []
    next = 0
    if (wereMany) steps.over()
  }
  /** For three times as long as the portion took: most of the time is for what has begun. */
  const rest = (tookMillis: number) => {
    const again = () => steps.guarded(portion)
    cancel = site.scheduler.after(Math.max(1, 3 * tookMillis), again)
  }
  const left = () => endings.length - next
  return {
    left,
    begin(due, clocks) {
      if (left() > 0 || due.length === 0) return
      endings = byRisk(due, clocks).map(({ hold: { grant, target }, cause }) => ({
        place: { grant, target },
        cause,
      }))
      next = 0
      portion()
    },
    stop: () => cancel(),
  }
}
