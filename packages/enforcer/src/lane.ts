/**
 * Work waiting for one target. Targets never wait for each other (INV-25), and what waits for one goes by what is at stake: an
 * end that somebody asked for does not wait for ten thousand that are only due, nor an opening for any of them (L-01).
 *
 * @module
 */
import { createQueue, type Queue } from './queue.ts'
import type { EndRank } from './risk.ts'

/** What a job is, for its place among the others. `again`: an end that was tried in vain before. */
export type Turn = EndRank | `${EndRank} again` | 'open' | 'rotate' | 'clean'

export type Lane<K extends string> = Readonly<{
  /** Never two jobs of one key at once: a second one is let go. */
  run(key: K, turn: Turn, job: () => Promise<void>): void
  /** What still waits goes as if somebody had asked for its end just now. */
  hurry(key: K): void
  busyWith(key: K): boolean
  /** Resolves once nothing waits or runs. */
  idle(): Promise<void>
}>

type Job<K> = { readonly key: K; readonly run: () => Promise<void>; turn: Turn }

/** How many jobs of different keys run at once. Endings may be given more room than what they share with the rest. */
export type LaneWidth = Readonly<{ shared: number; urgent: number }>

/** In this order, where there is room for each. */
const turns: readonly Turn[] = [
  ...([
    'asked',
    'asked again',
    'due',
    'due again',
    'untouched',
    'untouched again',
  ] as const),
  ...(['open', 'rotate', 'clean'] as const),
]

const isOther = (turn: Turn) => turn === 'open' || turn === 'rotate' || turn === 'clean'
const isAgain = (turn: Turn) => turn.endsWith(' again')

/** `onBroken` hears of a job that threw: a broken promise. `afterEach` hears of every end, when its key is free again. */
export function createLane<K extends string>(
  width: LaneWidth,
  onBroken: (error: unknown) => void,
  afterEach: (key: K) => void,
): Lane<K> {
  const lines = new Map<Turn, Queue<Job<K>>>(turns.map((turn) => [turn, createQueue()]))
  const waiting = new Map<K, Job<K>>()
  const taken = new Set<K>()
  const rooms = createRooms(width)
  let waiters: (() => void)[] = []

  const settle = () => {
    if (taken.size > 0) return
    for (const wake of waiters) wake()
    waiters = []
  }
  const enqueue = (job: Job<K>) => lines.get(job.turn)?.push(job)
  /** Passes over what has gone on to another line. */
  const first = (turn: Turn): Job<K> | undefined => {
    for (;;) {
      const job = lines.get(turn)?.shift()
      if (job === undefined || (job.turn === turn && waiting.get(job.key) === job))
        return job
    }
  }
  const next = (): Job<K> | undefined => {
    for (const turn of turns) {
      const job = rooms.hasRoom(turn) ? first(turn) : undefined
      if (job !== undefined) return job
    }
    return undefined
  }
  const drain = () => {
    for (;;) {
      const job = next()
      if (job === undefined) return settle()
      const { key, turn } = job
      waiting.delete(key)
      rooms.enter(turn)
      void job
        .run()
        .catch(onBroken)
        .finally(() => {
          rooms.leave(turn)
          taken.delete(key)
          afterEach(key)
          drain()
        })
    }
  }
  return {
    run(key, turn, run) {
      if (taken.has(key)) return
      taken.add(key)
      const job = { key, run, turn }
      waiting.set(key, job)
      enqueue(job)
      drain()
    },
    hurry(key) {
      const job = waiting.get(key)
      if (job === undefined || job.turn === 'asked') return
      job.turn = 'asked'
      enqueue(job)
      drain()
    },
    busyWith: (key) => taken.has(key),
    idle: () =>
      taken.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => waiters.push(resolve)),
  }
}

/**
 * Openings have the shared room whatever ends, and ends have at least what is left of theirs, whatever opens. Ends that are
 * tried again have half of it at most: they may hang there, and may not keep out what was never tried.
 */
function createRooms({ shared, urgent }: LaneWidth) {
  const running = { all: 0, others: 0, again: 0 }
  const count = (turn: Turn, step: 1 | -1) => {
    running.all += step
    if (isOther(turn)) running.others += step
    if (isAgain(turn)) running.again += step
  }
  const mostAgain = Math.max(1, Math.floor(urgent / 2))
  return {
    hasRoom(turn: Turn): boolean {
      if (turn === 'open') return running.others < shared
      if (isOther(turn)) return running.all < shared
      return running.all < urgent && (!isAgain(turn) || running.again < mostAgain)
    },
    enter: (turn: Turn) => count(turn, 1),
    leave: (turn: Turn) => count(turn, -1),
  }
}
