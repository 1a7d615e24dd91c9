/**
 * The one writer (PROTOCOL 4): commands wait in a queue, and those that wait become one transaction. After
 * COMMIT the head is signed, the frontier moves, and only then is anybody answered (INV-1, INV-2).
 *
 * @module
 */
import { refuse } from '@halligan/core'
import { createAdmission } from './admission.ts'
import { type CommitOptions, createCommitter, type Waiting } from './commit.ts'
import type { Journal } from './journal.ts'
import type { Scheduler } from './ports.ts'
import { createQueue } from './queue.ts'
import { isPassing, type SafeModeChange } from './safe-mode.ts'
import type { Writer } from './store/port.ts'

const retryMillis = 1000

export type WriterOptions = CommitOptions &
  Readonly<{ scheduler: Scheduler; journal: Journal }>

export interface RunningWriter extends Writer {
  /** Looks at the clock, at the store's files and at what is not recorded yet. Called every second. */
  check(): void
  /** Answers what waits with `outcome_unknown`, and takes no more. */
  close(): void
}

export function createWriter(options: WriterOptions): RunningWriter {
  const { scheduler, anchor, safeMode } = options
  const admission = createAdmission(options)
  const committer = createCommitter(options)
  const listeners = new Set<(size: number) => void>()
  const queue = createQueue()
  let draining = false
  let closed = false
  /** A batch failed just now. What it recorded may be there: it is not written again until the disk had a while. */
  let failed = false
  /** Entries and exits of SAFE MODE that the log does not say yet. */
  let unrecorded: readonly SafeModeChange[] = []

  safeMode.onChange((change) => {
    if (!isPassing(change.cause)) return
    unrecorded = [...unrecorded, change]
    wake()
  })

  /** Draining on `setImmediate` lets each answer's follower join the next batch; a microtask would not. */
  function wake(): void {
    if (draining || closed) return
    draining = true
    scheduler.soon(drain)
  }

  function drain(): void {
    const before = committer.frontier().head.size
    admission.lookAround()
    const batch = queue.take().filter(admit)
    const records = safeMode.contradicted() || failed ? [] : unrecorded
    if (batch.length + records.length > 0) {
      if (committer.commit(batch, records)) {
        unrecorded = unrecorded.slice(records.length)
        failed = false
      } else tryLater()
    }
    draining = false
    if (!queue.isEmpty()) wake()
    tellFrontier(before)
  }

  function tryLater(): void {
    if (failed) return
    failed = true
    scheduler.after(retryMillis, () => {
      failed = false
      wake()
    })
  }

  function admit({ command, answer }: Waiting): boolean {
    const why = admission.whyNot(command)
    if (why !== null) answer(refuse(why))
    return why === null
  }

  function tellFrontier(before: number): void {
    const { size } = committer.frontier().head
    if (size > before) for (const listener of listeners) listener(size)
  }

  return {
    submit: (command) =>
      new Promise((resolve, fail) => {
        if (closed) return resolve(refuse({ code: 'outcome_unknown' }))
        const answer = resolve as Waiting['answer']
        queue.push({ command: command as unknown as Waiting['command'], answer, fail })
        wake()
      }),
    frontier: committer.frontier,
    onFrontier(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    anchored: (index) => anchor.past(index),
    check: wake,
    close() {
      closed = true
      for (const { answer } of queue.takeAll()) answer(refuse({ code: 'outcome_unknown' }))
    },
  }
}
