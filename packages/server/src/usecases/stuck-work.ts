import type { Instant } from '@halligan/core'
import type { DueWork } from '../store/port.ts'

/**
 * Due work that could not be done the last time. It stays due and is tried on, but stands aside meanwhile: however much of it
 * there is, what can be done is not kept waiting behind it (INV-25).
 */
export interface StuckWork {
  /** How many stand aside: so many more have to be looked at to find what can be done. */
  size(): number
  standsAside(work: DueWork, now: Instant): boolean
  failed(work: DueWork, now: Instant): void
  done(work: DueWork): void
}

const againAfterMillis = 1000

/** Past it, the one that failed first is tried again at once: memory is bounded. */
const mostAside = 10_000

export function createStuckWork(): StuckWork {
  const until = new Map<string, number>()
  const nameOf = ({ kind, subject }: DueWork) => `${kind} ${subject}`
  return {
    size: () => until.size,
    standsAside: (work, now) => now < (until.get(nameOf(work)) ?? 0),
    failed(work, now) {
      const [first] = until.keys()
      if (until.size >= mostAside && first !== undefined) until.delete(first)
      until.set(nameOf(work), now + againAfterMillis)
    },
    done(work) {
      until.delete(nameOf(work))
    },
  }
}
