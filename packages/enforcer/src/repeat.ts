import type { Pace } from './due.ts'
import type { Site } from './site.ts'
import { BooksUnwritable } from './store/port.ts'

/** Work that is done again and again, one at a time. */
export type Repeat = Readonly<{
  /** Now, or right after the run that is under way. */
  now(): void
  idle(): Promise<void>
  stop(): void
}>

/** `work` answers whether it went well: then it rests for `restMillis`, else it retries with the pace's backoff. */
export function createRepeat(
  { scheduler, log }: Site,
  pace: Pace,
  restMillis: number,
  onBroken: (error: unknown) => void,
  work: () => Promise<boolean>,
): Repeat {
  let running: Promise<void> | null = null
  let wanted = false
  let failures = 0
  let stopped = false
  let cancel = () => {}

  const once = async () => {
    wanted = false
    const went = await work().catch((error: unknown) => {
      if (!(error instanceof BooksUnwritable)) throw error
      log({ level: 'alarm', what: 'books_unwritable', why: error.message })
      return false
    })
    failures = went ? 0 : failures + 1
  }
  const runs = async () => {
    do await once()
    while (wanted && failures === 0 && !stopped)
  }
  const now = () => {
    wanted = true
    if (stopped || running !== null) return
    cancel()
    running = runs()
      .catch((error: unknown) => {
        stopped = true
        onBroken(error)
      })
      .finally(() => {
        running = null
        if (!stopped) cancel = scheduler.after(rest(), now)
      })
  }
  const rest = () =>
    failures === 0
      ? restMillis
      : Math.min(
          pace.firstRetryMillis * 2 ** Math.min(failures - 1, 20),
          pace.retryCeilingMillis,
        )
  return {
    now,
    idle: () => running ?? Promise.resolve(),
    stop() {
      stopped = true
      cancel()
    },
  }
}
