/**
 * How many ends are due and not proven yet, how fast they are proven, and when at this rate the last of them will be (L-01).
 * In memory: after a restart it is counted from then.
 *
 * @module
 */
import { floor } from '@halligan/core'
import { type Clocks, mustEnd } from './deadline.ts'
import type { Note } from './ports.ts'
import type { Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

export type Backlog = Readonly<{
  /** On all targets: due or ending, and not proven absent. */
  endsOpen: number
  /** At the rate of the last minute, or since it began if that is less. */
  provenPerMinute: number
  /** Null while nothing is open, and while nothing was proven that it could be told from. */
  etaSeconds: number | null
}>

export type BacklogWatch = Readonly<{
  /** One more end is proven. */
  proven(clocks: Clocks): void
  read(endsOpen: number, clocks: Clocks): Backlog
  /** As `read`; says once in the log that the last end comes too late, and once that it does not any more. */
  watch(endsOpen: number, clocks: Clocks): void
}>

export function countOpenEnds({ books, clock }: Pick<Site, 'books' | 'clock'>): number {
  const [clocks, highestWall] = [clock.read(), books.highestWall()]
  const isDue = (hold: Hold) =>
    mayStand(hold) && mustEnd(hold.bound, clocks, highestWall) !== null
  return books.unfinished().filter((hold) => holdIn(hold, 'ending') || isDue(hold)).length
}

const windowSeconds = 60
/** Of the first moments nothing can be said: ends that begin together are proven together. */
const leastSeconds = 5

export function createBacklogWatch(log: (note: Note) => void): BacklogWatch {
  /** How many were proven in each second of the boot clock. */
  const provenIn = new Map<number, number>()
  let since: number | null = null
  let told = false

  const secondOf = ({ bootMillis }: Clocks) => Math.floor(bootMillis / 1000)
  const windowAt = (clocks: Clocks): number =>
    Math.min(windowSeconds, Math.max(1, secondOf(clocks) - (since ?? secondOf(clocks))))
  const read = (endsOpen: number, clocks: Clocks): Backlog => {
    const second = secondOf(clocks)
    for (const known of provenIn.keys())
      if (known <= second - windowSeconds || known > second) provenIn.delete(known)
    const proven = [...provenIn.values()].reduce((sum, count) => sum + count, 0)
    const rate = proven / windowAt(clocks)
    return {
      endsOpen,
      provenPerMinute: Math.round(rate * 60),
      etaSeconds: endsOpen === 0 || rate === 0 ? null : Math.ceil(endsOpen / rate),
    }
  }
  const isLate = ({ endsOpen, etaSeconds }: Backlog, clocks: Clocks): boolean => {
    const known = windowAt(clocks)
    if (endsOpen === 0 || known < leastSeconds) return false
    // What stands still has no time at which it is over.
    return etaSeconds === null ? known >= sloSeconds : etaSeconds > sloSeconds
  }
  const isWell = ({ endsOpen, etaSeconds }: Backlog): boolean =>
    endsOpen === 0 || (etaSeconds !== null && etaSeconds <= sloSeconds / 2)
  return {
    proven(clocks) {
      const second = secondOf(clocks)
      provenIn.set(second, (provenIn.get(second) ?? 0) + 1)
    },
    read,
    watch(endsOpen, clocks) {
      if (endsOpen === 0) since = null
      else since ??= secondOf(clocks)
      const backlog = read(endsOpen, clocks)
      if (!told && isLate(backlog, clocks)) {
        told = true
        log({ level: 'alarm', what: 'ends_late', ...backlog, sloSeconds })
      } else if (told && isWell(backlog)) {
        told = false
        log({ level: 'info', what: 'ends_in_time', ...backlog })
      }
    },
  }
}

const sloSeconds = floor.revokeSloSeconds
