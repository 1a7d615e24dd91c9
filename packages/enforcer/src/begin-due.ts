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
  /**
   * Begins the riskiest of each target at once and the others soon. What is due at a target where some of an earlier call are left
   * is to be looked for again: `over` says when.
   */
  begin(due: readonly Due[], clocks: Clocks): void
  stop(): void
}>

export type BeginningSteps = Readonly<{
  begun(place: Place): void
  /** All that were left at one target are written down. */
  over(): void
  /** Runs one portion, and hears of what it throws. */
  guarded(work: () => void): void
}>

export function createBeginning(site: Site, steps: BeginningSteps): Beginning {
  /** What is left at each target, in the order of risk: no target waits for another's (INV-25). */
  const rests = new Map<string, Rest>()
  let cancel: (() => void) | null = null

  const portion = (targets: readonly string[]) => {
    const began = site.clock.read().bootMillis
    const share = Math.max(1, Math.floor(mostBegunAtOnce / targets.length))
    const taken = targets.map((target) => take(rests, target, share))
    for (const place of beginEnds(
      site,
      taken.flatMap(({ endings }) => endings),
    ))
      steps.begun(place)
    if (rests.size > 0) goOnAfter(site.clock.read().bootMillis - began)
    if (taken.some(({ isLastOfMany }) => isLastOfMany)) steps.over()
  }
  /** For three times as long as the portion took: most of the time is for what has begun. */
  const goOnAfter = (tookMillis: number) => {
    cancel ??= site.scheduler.after(Math.max(1, 3 * tookMillis), () => {
      cancel = null
      steps.guarded(() => portion([...rests.keys()]))
    })
  }
  return {
    begin(due, clocks) {
      const fresh = due.filter(({ hold }) => !rests.has(hold.target))
      if (fresh.length === 0) return
      const byTarget = Map.groupBy(byRisk(fresh, clocks), ({ hold }) => hold.target)
      for (const [target, all] of byTarget) {
        const endings = all.map(({ hold: { grant }, cause }) => {
          return { place: { grant, target }, cause }
        })
        rests.set(target, { endings, next: 0 })
      }
      portion([...byTarget.keys()])
    },
    stop: () => cancel?.(),
  }
}

type Rest = { readonly endings: readonly Ending[]; next: number }

function take(
  rests: Map<string, Rest>,
  target: string,
  most: number,
): Readonly<{ endings: readonly Ending[]; isLastOfMany: boolean }> {
  const rest = rests.get(target)
  if (rest === undefined) return { endings: [], isLastOfMany: false }
  const endings = rest.endings.slice(rest.next, rest.next + most)
  rest.next += endings.length
  const isLast = rest.next >= rest.endings.length
  if (isLast) rests.delete(target)
  return { endings, isLastOfMany: isLast && rest.endings.length > endings.length }
}
