/**
 * The store in one SQLite file, through `node:sqlite`. Prepared statements, no query builder: inside the
 * writer's synchronous batch a statement is bound and stepped, and that is all that happens to it.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '@halligan/core'
import type { Crypto } from '@halligan/ledger'
import {
  checkpointWal,
  inMemory,
  isStorageFailure,
  openDatabase,
  openScratch,
  watchInode,
} from './database.ts'
import type { SealHead } from './head-seal.ts'
import { type LogTable, openLogTable } from './log-table.ts'
import { migrate } from './migrate.ts'
import { openPlaces, type Places } from './places.ts'
import { type Batch, StorageFailed, type Store, type Tx, type View } from './port.ts'
import { createProjector } from './project.ts'
import { projectAnew } from './replay.ts'
import { openResults, type Results } from './results.ts'
import { createView } from './view.ts'
import { createTx } from './write.ts'

export type StoreOptions = Readonly<{
  /** File of the database, or `:memory:`. */
  path: string
  crypto: Crypto
  /** Of the log, when the file is new. A file that exists keeps its own. */
  origin: string
  /** Without it heads are stored unsealed: a log that is opened then counts only as far as its anchor says. */
  sealHead?: SealHead
}>

/** What `replay` and the start-up checks need beyond the port. */
export interface SqliteStore extends Store {
  database(): DatabaseSync
  /** An empty database to make the projections in anew. */
  scratch(): DatabaseSync
  /** Takes over the entries of another file of this log. In one transaction. */
  restore(entries: Iterable<Uint8Array>): void
  readonly path: string
  readonly crypto: Crypto
}

/**
 * Opens, and makes durable what a killed process left in the WAL. Throws {@link StorageFailed} when another
 * process holds the file, and a plain error when its schema is newer than this program.
 */
export function openStore(options: StoreOptions): SqliteStore {
  let session = openSession(options)
  let closed = false
  /** A store whose disk is full cannot be opened anew: what asks it meanwhile fails, and nothing else does. */
  const current = (): Session => {
    if (closed) throw new StorageFailed('the store is closed until its disk works again')
    return session
  }
  return {
    path: options.path,
    crypto: options.crypto,
    database: () => session.db,
    scratch: openScratch,
    view: () => current().view,
    node: (level, index) => current().log.node(level, index),
    lastAt: () => current().log.tail().at,
    resultOf: (key) => current().batch.resultOf(key),
    inPlace: () => closed || session.inPlace(),
    transact: (now, work) => current().transact(now, work),
    restore: (entries) => current().restore(entries),
    reopen() {
      if (!closed) closeQuietly(session.db)
      closed = true
      session = openSession(options)
      closed = false
    },
    close() {
      if (!closed) session.db.close()
    },
  }
}

type Session = Readonly<{
  db: DatabaseSync
  log: LogTable
  view: View
  batch: Batch
  inPlace(): boolean
  transact<T>(now: Instant, work: (batch: Batch) => T): T
  restore(entries: Iterable<Uint8Array>): void
}>

function openSession({ path, crypto, origin, sealHead }: StoreOptions): Session {
  const db = openDatabase(path)
  try {
    migrate(db)
    projectAnew(db, crypto)
    if (path !== inMemory) checkpointWal(db)
    const inPlace = watchInode(path)
    const places = openPlaces(db, crypto)
    const log = openLogTable(db, crypto, origin, places, sealHead)
    const view = createView(db, log, places)
    let now = 0 as Instant
    const project = createProjector(db, crypto)
    const tx = createTx(db, crypto, { log, view, project }, () => now)
    const results = openResults(db)
    const batch = createBatch(db, log, tx, results)
    const parts = { db, log, places, results }
    const transact: Session['transact'] = (at, work) => {
      now = at
      return inTransaction(parts, () => work(batch))
    }
    const restore: Session['restore'] = (entries) =>
      inTransaction(parts, () => {
        for (const bytes of entries) {
          const { index, entry } = log.restore(bytes)
          project(index, entry)
        }
      })
    return { db, log, view, batch, inPlace, transact, restore }
  } catch (error) {
    closeQuietly(db)
    throw error
  }
}

type Parts = Readonly<{
  db: DatabaseSync
  log: LogTable
  places: Places
  results: Results
}>

function inTransaction<T>({ db, log, places, results }: Parts, work: () => T): T {
  const before = log.tail()
  try {
    places.writeWhenMany(before.size)
    results.indexWhenMany()
    db.exec('BEGIN IMMEDIATE')
    const result = work()
    log.storeHead()
    db.exec('COMMIT')
    places.settle()
    return result
  } catch (cause) {
    log.rewind(before)
    if (!(cause instanceof StorageFailed) && !isStorageFailure(cause) && db.isTransaction) {
      db.exec('ROLLBACK')
      throw cause
    }
    throw new StorageFailed('the outcome of a transaction is not known', { cause })
  }
}

function createBatch(db: DatabaseSync, log: LogTable, tx: Tx, results: Results): Batch {
  const savepoint = db.prepare('SAVEPOINT command')
  const release = db.prepare('RELEASE command')
  const rollback = db.prepare('ROLLBACK TO command')

  const takeBack = (tail: ReturnType<LogTable['tail']>) => {
    rollback.run()
    release.run()
    log.rewind(tail)
  }

  return {
    attempt(run) {
      const tail = log.tail()
      savepoint.run()
      try {
        const outcome = run(tx)
        if (outcome.ok) release.run()
        else takeBack(tail)
        return outcome
      } catch (cause) {
        // SQLite takes back the whole transaction by itself after a full disk and the like.
        if (isStorageFailure(cause) || !db.isTransaction)
          throw new StorageFailed('a transaction was lost', { cause })
        takeBack(tail)
        throw cause
      }
    },
    resultOf: results.of,
    keepResult(key, text) {
      results.keep(key, log.tail().size, text)
    },
  }
}

/** A connection that failed may fail to close, and nothing hangs on that: it is thrown away. */
function closeQuietly(db: DatabaseSync): void {
  try {
    db.close()
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
}
