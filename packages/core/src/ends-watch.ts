import { floor } from './floor.ts'

/** Access that must be over and is not proven to be. */
export type EndsBacklog = Readonly<{
  /** Due or ending, and not proven absent: one for each grant on each target. */
  endsOpen: number
  /** At the rate of the last minute, or since it began if that is less. */
  provenPerMinute: number
  /** Until the last is proven, at this rate. Null while nothing is open, and while nothing was proven to tell it from. */
  etaSeconds: number | null
}>

/** `late`: the last end comes later than the revoke SLO. `in_time`: that is over. */
export type EndsTurn = 'late' | 'in_time'

/**
 * How many ends are open, how fast they are proven, and whether that is too slow (L-01). It is handed the time, in whole seconds of
 * a clock that never goes back, and remembers the last minute: after a restart it is counted from then.
 */
export type EndsWatch = Readonly<{
  /** One more end is proven. */
  proven(second: number): void
  read(endsOpen: number, second: number): EndsBacklog
  /** What is to be told now; null when nothing has turned since `told`. */
  turn(endsOpen: number, second: number): EndsTurn | null
  told(turn: EndsTurn): void
}>

const windowSeconds = 60
/** Of the first moments nothing can be said: ends that begin together are proven together. */
const leastSeconds = 5
const sloSeconds = floor.revokeSloSeconds

export function createEndsWatch(): EndsWatch {
  /** How many were proven in each second. */
  const provenIn = new Map<number, number>()
  let since: number | null = null
  let isToldLate = false

  const windowAt = (second: number): number =>
    Math.min(windowSeconds, Math.max(1, second - (since ?? second)))
  const read = (endsOpen: number, second: number): EndsBacklog => {
    for (const known of provenIn.keys())
      if (known <= second - windowSeconds || known > second) provenIn.delete(known)
    const proven = [...provenIn.values()].reduce((sum, count) => sum + count, 0)
    const rate = proven / windowAt(second)
    return {
      endsOpen,
      provenPerMinute: Math.round(rate * 60),
      etaSeconds: endsOpen === 0 || rate === 0 ? null : Math.ceil(endsOpen / rate),
    }
  }
  return {
    proven: (second) => void provenIn.set(second, (provenIn.get(second) ?? 0) + 1),
    read,
    turn(endsOpen, second) {
      if (endsOpen === 0) since = null
      else since ??= second
      const backlog = read(endsOpen, second)
      if (isToldLate) return isWell(backlog) ? 'in_time' : null
      return isLate(backlog, windowAt(second)) ? 'late' : null
    },
    told(turn) {
      isToldLate = turn === 'late'
    },
  }
}

function isLate({ endsOpen, etaSeconds }: EndsBacklog, knownSeconds: number): boolean {
  if (endsOpen === 0 || knownSeconds < leastSeconds) return false
  // What stands still has no time at which it is over.
  return etaSeconds === null ? knownSeconds >= sloSeconds : etaSeconds > sloSeconds
}

/** Well inside the SLO, so that a rate that wavers about it is told of once. */
const isWell = ({ endsOpen, etaSeconds }: EndsBacklog): boolean =>
  endsOpen === 0 || (etaSeconds !== null && etaSeconds <= sloSeconds / 2)
