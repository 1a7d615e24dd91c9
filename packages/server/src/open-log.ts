/**
 * The log of one server, opened: store, anchor, journal and writer, checked against each other before the
 * first answer. A check that fails opens it all the same, in SAFE MODE, because ending must go on.
 *
 * @module
 */
import { join } from 'node:path'
import type { Crypto, Signer } from '@halligan/ledger'
import { type Disk, nodeDisk } from './disk.ts'
import type { Journal } from './journal.ts'
import { createLog, type Log } from './log.ts'
import { createLogCheck, type LogCheck } from './log-check.ts'
import type { Clock, Scheduler } from './ports.ts'
import { createSafeMode, type SafeMode } from './safe-mode.ts'
import { checkAtStart } from './start-checks.ts'
import { createSteadyClock, type SteadyClock } from './steady-clock.ts'
import { checkPrivate } from './store/database.ts'
import { headSealer } from './store/head-seal.ts'
import type { SqliteStore } from './store/sqlite.ts'
import { createWriter, type RunningWriter } from './writer.ts'

export type LogOptions = Readonly<{
  /** Mode 0700. Holds `halligan.db` and `journal.jsonl`. */
  folder: string
  /** A file outside the folder, so that a copy of the folder is not a copy of both. */
  anchorPath: string
  /** Of the roster's current log. */
  origin: string
  signer: Signer
  crypto: Crypto
  clock: Clock
  scheduler: Scheduler
  /** Absent: this machine's. */
  disk?: Disk
  /** A log of more entries opens at once, in SAFE MODE until all of them are verified. Absent: 10,000. */
  mostVerifiedFirst?: number
}>

/** About two seconds. */
const mostVerifiedFirst = 10_000

export interface RunningLog extends Log {
  readonly store: SqliteStore
  readonly writer: RunningWriter
  readonly safeMode: SafeMode
  readonly journal: Journal
  readonly check: Pick<LogCheck, 'progress'>
  /** The log's time. Use cases read this one, not the wall clock. */
  readonly clock: SteadyClock
  close(): Promise<void>
}

export const databaseFile = 'halligan.db'
export const journalFile = 'journal.jsonl'

/**
 * Throws when the folder is readable to others (CF-05), when another process has it or its anchor (S-11), and
 * when its schema is newer than this program (K-17).
 */
export async function openLog(options: LogOptions): Promise<RunningLog> {
  const { folder, origin, signer, crypto, scheduler, disk = nodeDisk } = options
  const path = join(folder, databaseFile)
  checkPrivate(folder, [path, `${path}-wal`, join(folder, journalFile)])
  const safeMode = createSafeMode()
  const store = disk.openStore({ path, crypto, origin, sealHead: headSealer(signer) })
  const clock = createSteadyClock(options.clock, store.lastAt())
  const anchorFile = disk.anchorAt(options.anchorPath)
  const { anchor, anchored, unverified } = await checkAtStart(
    { mostVerifiedFirst, ...options, anchorFile },
    store,
    safeMode,
  )
  const journal = disk.openJournal({
    path: join(folder, journalFile),
    ...{ origin, crypto, signer },
  })
  const parts = { store, clock, scheduler, crypto, signer, anchor, journal, safeMode }
  const writer = createWriter(parts)
  const check = createLogCheck({ store, clock: options.clock, scheduler, safeMode })
  if (unverified) {
    safeMode.enter('log_unverified', 'its entries are being verified')
    check.begin(anchored)
  }
  const { head, checkpoint } = writer.frontier()
  // What a killed process committed and did not anchor must not wait for the next commit.
  if (!safeMode.contradicted()) anchor.move(head.size, checkpoint)
  const stopChecks = every(scheduler, 1000, () => writer.check())
  const stopPatrol = every(scheduler, patrolMillis, () => check.begin(null))
  return {
    ...createLog(crypto, store, writer),
    store,
    writer,
    safeMode,
    journal,
    check,
    clock,
    async close() {
      check.close()
      stopChecks()
      stopPatrol()
      writer.close()
      await anchor.close()
      journal.close()
      store.close()
    },
  }
}

/** Every byte of the log is read again at least once a day (S-05), and every table made anew beside it. */
const patrolMillis = 12 * 3600 * 1000

function every(scheduler: Scheduler, millis: number, run: () => void): () => void {
  let cancel = scheduler.after(millis, again)
  function again(): void {
    cancel = scheduler.after(millis, again)
    run()
  }
  return () => cancel()
}
