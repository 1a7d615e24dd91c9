/** Work waiting for one target. Targets never wait for each other (INV-25). */
export type Lane<K extends string> = Readonly<{
  /** Urgent work (ending) goes before everything that has not begun. Never two jobs of one key at once. */
  run(key: K, urgent: boolean, job: () => Promise<void>): void
  busyWith(key: K): boolean
  /** Resolves once nothing waits or runs. */
  idle(): Promise<void>
}>

type Job<K> = Readonly<{ key: K; run: () => Promise<void> }>

/** How many jobs of different keys run at once. Endings may be given more room than what they share with the rest. */
export type LaneWidth = Readonly<{ shared: number; urgent: number }>

/** `onBroken` hears of a job that threw: a broken promise. `afterEach` hears of every end, when its key is free again. */
export function createLane<K extends string>(
  { shared, urgent: urgentWidth }: LaneWidth,
  onBroken: (error: unknown) => void,
  afterEach: (key: K) => void,
): Lane<K> {
  const urgent: Job<K>[] = []
  const patient: Job<K>[] = []
  const taken = new Set<K>()
  let running = 0
  let waiters: (() => void)[] = []

  const settle = () => {
    if (taken.size > 0) return
    for (const wake of waiters) wake()
    waiters = []
  }
  const drain = () => {
    for (;;) {
      const job =
        (running < urgentWidth ? urgent.shift() : undefined) ??
        (running < shared ? patient.shift() : undefined)
      if (job === undefined) return settle()
      running++
      void job
        .run()
        .catch(onBroken)
        .finally(() => {
          running--
          taken.delete(job.key)
          afterEach(job.key)
          drain()
        })
    }
  }
  return {
    run(key, isUrgent, run) {
      if (taken.has(key)) return
      taken.add(key)
      ;(isUrgent ? urgent : patient).push({ key, run })
      drain()
    },
    busyWith: (key) => taken.has(key),
    idle: () =>
      taken.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => waiters.push(resolve)),
  }
}
