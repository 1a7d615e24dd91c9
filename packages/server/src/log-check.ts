/**
 * A long log is checked beside its work: in slices of some milliseconds, on the thread that has the database to itself, so
 * that ends and receipts are taken meanwhile (INV-18, L-02).
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Checkpoint } from '@halligan/ledger'
import type { Clock, Scheduler } from './ports.ts'
import type { SafeMode } from './safe-mode.ts'
import { checkSteps } from './store/check-log.ts'
import { ScratchFailed } from './store/replay.ts'
import type { SqliteStore } from './store/sqlite.ts'
import type { Contradicted } from './store/verify-log.ts'

/** How far the check of a log that is not verified yet has come. */
export type CheckProgress = Readonly<{
  verified: number
  entries: number
  /** About; null when that is not known yet. */
  secondsLeft: number | null
  /** The same in words, or what keeps it from going on. */
  detail: string
}>

export interface LogCheck {
  /** Begins unless one is under way. `anchor` is what the local anchor said when the log was opened, if it said anything. */
  begin(anchor: Checkpoint | null): void
  /** Null unless the log is unverified. */
  progress(): CheckProgress | null
  close(): void
}

export type LogCheckParts = Readonly<{
  store: SqliteStore
  clock: Pick<Clock, 'bootMillis'>
  scheduler: Scheduler
  safeMode: SafeMode
}>

/**
 * An end that comes in waits for one slice, and the next end for the next. Where everything else takes long between two slices,
 * a sync of the disk above all, a slice takes as long, so that the check gets on.
 */
const sliceMillis = { least: 15, most: 50 }

/** By a clock that stands still a slice ends all the same. */
const mostStepsPerSlice = 32

/** A disk that has no room for the replay, or none for the store, may have it later. */
const retryMillis = 5000

type Walk = Readonly<{
  db: DatabaseSync
  steps: ReturnType<typeof checkSteps>
  anchor: Checkpoint | null
  since: number
  /** When the last slice ended. */
  left: number
}>

/** Each contradiction that a check finds is a cause of SAFE MODE; one that finds none takes `log_unverified` away. */
export function createLogCheck(parts: LogCheckParts): LogCheck {
  const { store, clock, scheduler, safeMode } = parts
  let walk: Walk | null = null
  let progress: CheckProgress | null = null
  let cancelRetry = () => {}
  let closed = false

  function begin(anchor: Checkpoint | null): void {
    const db = store.database()
    const steps = checkSteps(store, anchor)
    const since = clock.bootMillis()
    walk = { db, steps, anchor, since, left: since }
    if (db.isOpen) tell(progressOf(0, store.view().head().size, 0))
    scheduler.soon(slice)
  }

  function slice(): void {
    if (walk === null || closed) return
    if (walk.db.isOpen) goOn(walk)
    else beginAnew(walk)
  }

  function goOn(current: Walk): void {
    const step = sliceOf(current, clock)
    if (step === null) beginLater(current)
    else if (step.done === true) end(step.value)
    else {
      const left = clock.bootMillis()
      walk = { ...current, left }
      const { size } = store.view().head()
      tell(progressOf(step.value.verified, size, left - current.since))
      scheduler.soon(slice)
    }
  }

  function tell(now: CheckProgress): void {
    progress = now
    safeMode.describe('log_unverified', now.detail)
  }

  function end(found: Contradicted | null): void {
    walk = null
    if (found !== null) safeMode.enter(found.cause, found.detail)
    safeMode.leave('log_unverified')
  }

  /** The store was opened anew, or will be once its disk works: what was read of it before counts no more. */
  function beginAnew({ steps, anchor }: Walk): void {
    steps.return(null)
    if (store.database().isOpen) begin(anchor)
    else cancelRetry = scheduler.after(retryMillis, slice)
  }

  function beginLater({ anchor }: Walk): void {
    const detail = 'there is no room for the replay among the temporary files'
    if (progress !== null) tell({ ...progress, secondsLeft: null, detail })
    cancelRetry = scheduler.after(retryMillis, () => begin(anchor))
  }

  return {
    begin(anchor) {
      if (walk === null && !closed) begin(anchor)
    },
    progress: () => (safeMode.has('log_unverified') ? progress : null),
    close() {
      closed = true
      cancelRetry()
      walk?.steps.return(null)
    },
  }
}

/** Comparing the tables takes about this much of the time that their replay takes. */
const shareOfComparing = 0.05

function progressOf(verified: number, entries: number, passed: number): CheckProgress {
  const told = `${verified} of ${entries} entries are verified`
  if (passed < 1000) return { verified, entries, secondsLeft: null, detail: told }
  const whole = (passed / verified) * entries * (1 + shareOfComparing)
  const secondsLeft = Math.max(1, Math.ceil((whole - passed) / 1000))
  const detail = `${told}, about ${secondsLeft} s are left`
  return { verified, entries, secondsLeft, detail }
}

/** The last step of a slice. Null when the replay had no room. */
function sliceOf({ steps, left }: Walk, clock: LogCheckParts['clock']) {
  const now = clock.bootMillis()
  const { least, most } = sliceMillis
  const until = now + Math.min(Math.max(now - left, least), most)
  try {
    let step = steps.next()
    for (let n = 1; n < mostStepsPerSlice; n++) {
      if (step.done === true || clock.bootMillis() > until) break
      step = steps.next()
    }
    return step
  } catch (error) {
    if (error instanceof ScratchFailed) return null
    throw error
  }
}
