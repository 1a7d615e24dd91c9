/**
 * How many ends are due and not proven yet, on all targets of this enforcer, and when the last of them will be (L-01).
 *
 * @module
 */
import { createEndsWatch, type EndsBacklog, floor } from '@halligan/core'
import { type Clocks, mustEnd } from './deadline.ts'
import type { Note } from './ports.ts'
import type { Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

export type BacklogWatch = Readonly<{
  /** One more end is proven. */
  proven(clocks: Clocks): void
  read(endsOpen: number, clocks: Clocks): EndsBacklog
  /** Says once in the log that the last end comes too late, and once that it does not any more. */
  watch(endsOpen: number, clocks: Clocks): void
}>

export function createBacklogWatch(log: (note: Note) => void): BacklogWatch {
  const ends = createEndsWatch()
  const secondOf = ({ bootMillis }: Clocks) => Math.floor(bootMillis / 1000)
  return {
    proven: (clocks) => ends.proven(secondOf(clocks)),
    read: (endsOpen, clocks) => ends.read(endsOpen, secondOf(clocks)),
    watch(endsOpen, clocks) {
      const turn = ends.turn(endsOpen, secondOf(clocks))
      if (turn === null) return
      const backlog = ends.read(endsOpen, secondOf(clocks))
      const sloSeconds = floor.revokeSloSeconds
      if (turn === 'late')
        log({ level: 'alarm', what: 'ends_late', ...backlog, sloSeconds })
      else log({ level: 'info', what: 'ends_in_time', ...backlog })
      ends.told(turn, endsOpen)
    },
  }
}

export function countOpenEnds({ books, clock }: Pick<Site, 'books' | 'clock'>): number {
  const [clocks, highestWall] = [clock.read(), books.highestWall()]
  const isDue = (hold: Hold) =>
    mayStand(hold) && mustEnd(hold.bound, clocks, highestWall) !== null
  return books.unfinished().filter((hold) => holdIn(hold, 'ending') || isDue(hold)).length
}
