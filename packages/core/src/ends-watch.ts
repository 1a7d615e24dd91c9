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

/** `late`: the last end comes later than the revoke SLO. `in_time`: that is over, and none is open any more. */
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
  /** It was told while so many were open. */
  told(turn: EndsTurn, endsOpen: number): void
}>

const windowSeconds = 60
/** Of the first moments nothing can be said: ends that begin together are proven together. */
const leastSeconds = 5
const sloSeconds = floor.revokeSloSeconds

export function createEndsWatch(): EndsWatch {
  /** How many were proven in each second. */
  const provenIn = new Map<number, number>()
  /** Since when any are open, and any that were not told of. */
  let since: number | null = null
  let untoldSince: number | null = null
  let isToldLate = false
  /** The fewest that were open since they were told of: one that is never proven stays among them. */
  let toldOpen = 0

  const backlogOf = (endsOpen: number, began: number | null, second: number) => {
    for (const known of provenIn.keys())
      if (known <= second - windowSeconds || known > second) provenIn.delete(known)
    const knownSeconds = Math.min(windowSeconds, Math.max(1, second - (began ?? second)))
    let proven = 0
    for (const [known, count] of provenIn)
      if (known > second - knownSeconds) proven += count
    const rate = proven / knownSeconds
    return {
      endsOpen,
      provenPerMinute: Math.round(rate * 60),
      etaSeconds: endsOpen === 0 || rate === 0 ? null : Math.ceil(endsOpen / rate),
      knownSeconds,
    }
  }
  return {
    proven: (second) => void provenIn.set(second, (provenIn.get(second) ?? 0) + 1),
    read(endsOpen, second) {
      const { knownSeconds, ...backlog } = backlogOf(endsOpen, since, second)
      return backlog
    },
    turn(endsOpen, second) {
      toldOpen = Math.min(toldOpen, endsOpen)
      const untold = endsOpen - toldOpen
      since = endsOpen === 0 ? null : (since ?? second)
      untoldSince = untold === 0 ? null : (untoldSince ?? second)
      if (endsOpen === 0) return isToldLate ? 'in_time' : null
      // Half of what is open at the least: a dead target that gathers ends is told of ever more rarely.
      if (untold < toldOpen) return null
      return isLate(backlogOf(untold, untoldSince, second)) ? 'late' : null
    },
    told(turn, endsOpen) {
      isToldLate = turn === 'late'
      toldOpen = endsOpen
    },
  }
}

type KnownBacklog = EndsBacklog & Readonly<{ knownSeconds: number }>

function isLate({ endsOpen, etaSeconds, knownSeconds }: KnownBacklog): boolean {
  if (endsOpen === 0 || knownSeconds < leastSeconds) return false
  // What stands still has no time at which it is over.
  return etaSeconds === null ? knownSeconds >= sloSeconds : etaSeconds > sloSeconds
}
