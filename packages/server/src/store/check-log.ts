/**
 * Everything that a server must believe of its own log, held against its entries: the chain and the tree of them, the head,
 * the anchor, and the tables that follow from them (INV-14, INV-15).
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Checkpoint, Entry } from '@halligan/ledger'
import { isStorageFailure } from './database.ts'
import type { EntryRow } from './log-table.ts'
import { createReplay, type Difference, type Replay, ScratchFailed } from './replay.ts'
import type { SqliteStore } from './sqlite.ts'
import { type Contradicted, createLogWalk, type LogWalk } from './verify-log.ts'

/** Entries that were verified and replayed by now. */
export type CheckStep = Readonly<{ verified: number }>

/** The first contradiction that is found, or null. Throws {@link ScratchFailed} when there was no room to find out. */
export function checkLog(
  store: SqliteStore,
  anchor: Checkpoint | null,
): Contradicted | null {
  const steps = checkSteps(store, anchor)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** A few milliseconds of work. */
const rowsPerStep = 16

/**
 * The same in steps, so that a log in use can be checked beside its work (S-05, L-02). What is appended between two steps is
 * verified and replayed before anything else is compared. The connection must stand outside any transaction at each step.
 */
export function* checkSteps(
  store: SqliteStore,
  anchor: Checkpoint | null,
): Generator<CheckStep, Contradicted | null> {
  const [db, crypto] = [store.database(), store.crypto]
  const replay = createReplay(db, crypto, store.scratch)
  try {
    const walk = createLogWalk(db, crypto, anchor)
    const next = createNext(db, walk, replay)
    const tables = replay.compare()
    for (;;) {
      const why = yield* catchUp(next, walk)
      if (why !== null) return why
      const page = tables.next()
      if (page.done === true) return page.value === null ? null : unlike(page.value)
      yield { verified: walk.size() }
    }
  } catch (error) {
    // A page that SQLite cannot read is a bad entry like any other.
    if (!isStorageFailure(error)) throw error
    return { cause: 'bad_entry', detail: String(error) }
  } finally {
    replay.close()
  }
}

type Next = () => Readonly<{ why: Contradicted | null; more: boolean }>

/** Once it returns null, every entry was walked, and nothing has run since. */
function* catchUp(next: Next, walk: LogWalk): Generator<CheckStep, Contradicted | null> {
  for (;;) {
    const { why, more } = next()
    if (why !== null) return why
    if (!more) return walk.end()
    yield { verified: walk.size() }
  }
}

/** Verifies and replays the next few entries. `more`: that may not have been all. */
function createNext(db: DatabaseSync, walk: LogWalk, replay: Replay): Next {
  const page = db.prepare(
    'SELECT idx, prev_idx, leaf, bytes FROM entries WHERE idx > ? ORDER BY idx LIMIT ?',
  )
  let last = -1
  return () => {
    const rows = page.all(last, rowsPerStep) as EntryRow[]
    for (const row of rows) {
      const step = walk.step(row)
      const why = 'why' in step ? step.why : whyNotReplayed(replay, row.idx, step.entry)
      if (why !== null) return { why, more: false }
      last = row.idx
    }
    return { why: null, more: rows.length === rowsPerStep }
  }
}

/** Whoever has the key of the log may have entered what could never have happened. */
function whyNotReplayed(replay: Replay, index: number, entry: Entry): Contradicted | null {
  try {
    replay.project(index, entry)
    return null
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ScratchFailed) throw error
    return { cause: 'bad_entry', detail: `entry ${index}: ${error.message}` }
  }
}

const unlike = ({ table, stored, replayed }: Difference): Contradicted => ({
  cause: 'projection',
  detail: `${table} has ${stored}, replay makes ${replayed}`,
})
