import type { Clocks } from './deadline.ts'
import type { Place } from './site.ts'

export type Backoff = Readonly<{
  firstRetryMillis: number
  /** Retries go on for ever, never further apart than this. */
  retryCeilingMillis: number
}>

/** What has been tried in vain, and is tried again: how often so far, and not before when by the boot clock. */
export type Retry = Readonly<{ attempts: number; notBefore: number }>

export type Retries = Readonly<{
  of(place: Place, work: string): Retry | null
  /** Once more in vain; answers how often by now. */
  failed(place: Place, work: string, clocks: Clocks): number
  done(place: Place, work: string): void
  /** Milliseconds until the next that is not due yet. */
  wait(clocks: Clocks): number
}>

/** In memory: a restart tries everything at once, and counts anew. */
export function createRetries(backoff: Backoff): Retries {
  const known = new Map<string, Retry>()
  const keyOf = ({ grant, target }: Place, work: string) => `${target}/${grant}/${work}`
  return {
    of: (place, work) => known.get(keyOf(place, work)) ?? null,
    failed(place, work, { bootMillis }) {
      const attempts = (known.get(keyOf(place, work))?.attempts ?? 0) + 1
      const wait = backoff.firstRetryMillis * 2 ** Math.min(attempts - 1, 20)
      const notBefore = bootMillis + Math.min(wait, backoff.retryCeilingMillis)
      known.set(keyOf(place, work), { attempts, notBefore })
      return attempts
    },
    done: (place, work) => void known.delete(keyOf(place, work)),
    wait({ bootMillis }) {
      const waits = [...known.values()].map(({ notBefore }) => notBefore - bootMillis)
      // One that is past was started; its end looks again by itself.
      return Math.min(...waits.filter((millis) => millis > 0))
    },
  }
}
