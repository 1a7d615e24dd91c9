/**
 * Calls that wait at the same time, answered together: what ends or reads one grant at a target costs little more for
 * two hundred of them.
 *
 * @module
 */

/** Answers every key of one round, or throws for all of them. Not answering a key is a broken promise. */
export type Round<K, V> = (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>

/**
 * `width` rounds at a time. A call joins the next round and never one that has begun, so that whatever a round reads, it
 * reads after each of its calls was made.
 */
export function inRounds<K, V>(width: number, round: Round<K, V>): (key: K) => Promise<V> {
  type Call = Readonly<{ key: K; answer(value: V): void; fail(error: unknown): void }>
  let waiting: Call[] = []
  let running = 0
  let gathering = false

  const gather = () => {
    if (gathering || waiting.length === 0 || running === width) return
    gathering = true
    setImmediate(() => {
      gathering = false
      void begin()
    })
  }
  const begin = async () => {
    const calls = waiting
    waiting = []
    running++
    try {
      const answers = await round([...new Set(calls.map(({ key }) => key))])
      for (const { key, answer, fail } of calls) {
        const value = answers.get(key)
        if (value === undefined) fail(new Error(`a round left out ${String(key)}`))
        else answer(value)
      }
    } catch (error) {
      for (const { fail } of calls) fail(error)
    } finally {
      running--
      gather()
    }
  }
  return (key) =>
    new Promise((answer, fail) => {
      waiting.push({ key, answer, fail })
      gather()
    })
}

/** Pieces of work one after the other, whatever becomes of each. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let queue: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }
}

/** As {@link oneAtATime}, for each key by itself: nobody waits for another's. */
export function oneAtATimePer<K>(): <T>(key: K, work: () => Promise<T>) => Promise<T> {
  const turns = new Map<K, ReturnType<typeof oneAtATime>>()
  return (key, work) => {
    const turn = turns.get(key) ?? oneAtATime()
    turns.set(key, turn)
    return turn(work)
  }
}

/** `width` pieces of work at a time, in turn. Null at once, unbegun, when `most` others already wait or run. */
export function inTurns(width: number, most = Number.POSITIVE_INFINITY) {
  const waiting: (() => void)[] = []
  let running = 0
  const leave = () => {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
  return async <T>(work: () => Promise<T>): Promise<T | null> => {
    if (running + waiting.length >= most) return null
    if (running < width) running++
    else await new Promise<void>((turn) => waiting.push(turn))
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
