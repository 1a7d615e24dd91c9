import type { Instant, Work } from '@halligan/core'
import type { Clocks } from './deadline.ts'
import type { Place } from './site.ts'

export type Backoff = Readonly<{
  firstRetryMillis: number
  /** Retries go on for ever, never further apart than this. */
  retryCeilingMillis: number
}>

/** What has been tried in vain, and is tried again: how often so far, why, and not before when by the boot clock. */
export type Retry = Readonly<{
  work: Work
  attempts: number
  why: string
  /** Since when it has been tried, and when next, by the wall clock. */
  since: Instant
  next: Instant
  notBefore: number
}>

export type Retries = Readonly<{
  of(place: Place, work: Work): Retry | null
  /** Once more in vain; answers how often by now. */
  failed(place: Place, work: Work, clocks: Clocks, why: string): Retry
  done(place: Place, work: Work): void
  /** Milliseconds until the next that is not due yet. */
  wait(clocks: Clocks): number
}>

/** In memory, one for each place, since a hold has one work at a time, and what follows it replaces it: a restart tries everything at once, and counts anew. */
export function createRetries(backoff: Backoff): Retries {
  const known = new Map<string, Retry>()
  const keyOf = ({ grant, target }: Place) => `${target}/${grant}`
  const of = (place: Place, work: Work) => {
    const retry = known.get(keyOf(place))
    return retry?.work === work ? retry : null
  }
  return {
    of,
    failed(place, work, { bootMillis, wall }, why) {
      const before = of(place, work)
      const attempts = (before?.attempts ?? 0) + 1
      const backedOff = backoff.firstRetryMillis * 2 ** Math.min(attempts - 1, 20)
      const wait = Math.min(backedOff, backoff.retryCeilingMillis)
      const retry = {
        ...{ work, attempts, why },
        since: before?.since ?? wall,
        next: (wall + wait) as Instant,
        notBefore: bootMillis + wait,
      }
      known.set(keyOf(place), retry)
      return retry
    },
    done(place, work) {
      if (of(place, work) !== null) known.delete(keyOf(place))
    },
    wait({ bootMillis }) {
      let wait = Number.POSITIVE_INFINITY
      // One that is past was started; its end looks again by itself.
      for (const { notBefore } of known.values())
        if (notBefore > bootMillis) wait = Math.min(wait, notBefore - bootMillis)
      return wait
    },
  }
}
