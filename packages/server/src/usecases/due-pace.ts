/**
 * How much due work is entered at once. An activation waits for what was begun before it, so what is begun takes a moment and no
 * more, also on a machine or a disk that is slow just then (L-01).
 */
export interface DuePace {
  /** How many at once. */
  most(): number
  /** So many took so long. */
  took(count: number, millis: number): void
}

/** One batch of the writer. */
const mostAtOnce = 64
/** Fewer would cost more syncs of the disk than they spare anybody. */
const fewestAtOnce = 16
const aimMillis = 20

export function createDuePace(): DuePace {
  let most = mostAtOnce
  return {
    most: () => most,
    took(count, millis) {
      if (count === 0) return
      const fitting = Math.floor((aimMillis * count) / Math.max(millis, 1))
      // By halves, for one slow sync says little.
      most = Math.round((most + Math.min(mostAtOnce, Math.max(fewestAtOnce, fitting))) / 2)
    },
  }
}
