import type { DatabaseSync } from 'node:sqlite'
import { type Crypto, type Entry, parseCanonical } from '@halligan/ledger'
import { isStorageFailure, openScratch } from './database.ts'
import { migrate } from './migrate.ts'
import { createPlaces, placesTables } from './places.ts'
import type { Placed } from './port.ts'
import { createProjector, projectionTables, projectionVersion } from './project.ts'

/** Where a projection is not what its entries make of it. */
export type Difference = Readonly<{ table: string; stored: string; replayed: string }>

/** The disk on which the replay is made, not the log: nothing is known of the projections. */
export class ScratchFailed extends Error {
  override readonly name = 'ScratchFailed'
}

/** What the entries of a log make of its tables, made again beside them. */
export interface Replay {
  /** The next entry. Throws when it could not have happened, and {@link ScratchFailed} when there is no room for it. */
  project(index: number, entry: Entry): void
  /**
   * Compares the tables, one page at each step. Before each, every entry of the log must have been projected. Rows before
   * the page may change meanwhile: the entries that change them are projected from what was compared.
   */
  compare(): Generator<void, Difference | null>
  close(): void
}

const rowsPerPage = 32

/** The replayed places are brought to the stored tables' mark this often, and before a page of them is compared. */
const mostUnplaced = 4096

export function createReplay(
  db: DatabaseSync,
  crypto: Crypto,
  scratch: () => DatabaseSync = openScratch,
): Replay {
  const fresh = inScratch(scratch)
  inScratch(() => migrate(fresh))
  fresh.exec('BEGIN')
  const project = createProjector(fresh, crypto)
  const places = createPlaces(fresh, crypto)
  const mark = db.prepare('SELECT size FROM places_mark')
  /** Projected, and beyond the mark when that was last read. */
  let beyond: Placed[] = []
  let projected = 0
  let placed = 0

  function placeBelow(size: number): void {
    for (const { index, entry } of beyond) if (index < size) places.note(index, entry)
    beyond = beyond.filter(({ index }) => index >= size)
    places.put(size)
    places.settle()
    placed = projected
  }

  function place(): void {
    const size = Math.min(projected, Number(mark.get()?.size))
    inScratch(() => placeBelow(size))
  }

  return {
    project(index, entry) {
      inScratch(() => project(index, entry))
      beyond.push({ index, entry })
      projected = index + 1
      if (projected - placed >= mostUnplaced) place()
    },
    *compare() {
      for (const table of [...placesTables, ...projectionTables]) {
        const pages = comparePages(db, fresh, table)
        for (;;) {
          place()
          const step = pages.next()
          if (step.value !== undefined && step.value !== null) return step.value
          if (step.done === true) break
          yield
        }
      }
      return null
    },
    close: () => fresh.close(),
  }
}

/**
 * Makes the projections anew when another projector made what is there: a newer program knows more of a grant. Entries that
 * could not have happened leave everything as it is, and the start-up checks say so.
 */
export function projectAnew(db: DatabaseSync, crypto: Crypto): void {
  const made = Number(db.prepare('SELECT version FROM projected').get()?.version)
  if (made === projectionVersion) return
  const entries = db.prepare('SELECT idx, bytes FROM entries ORDER BY idx')
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const table of projectionTables) db.exec(`DELETE FROM ${table}`)
    const project = createProjector(db, crypto)
    for (const { idx, bytes } of entries.iterate())
      project(Number(idx), entryIn(bytes as Uint8Array))
    db.prepare('UPDATE projected SET version = ?').run(projectionVersion)
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    if (!(error instanceof Error) || !error.message.startsWith('corrupt ledger'))
      throw error
  }
}

/** By the key of the table, in pages: a table may hold a row for each grant there ever was. */
function* comparePages(
  db: DatabaseSync,
  fresh: DatabaseSync,
  table: string,
): Generator<void, Difference | null> {
  const keys = keysOf(fresh, table)
  const names = keys.join(', ')
  const marks = keys.map(() => '?').join(', ')
  const order = `ORDER BY ${names} LIMIT ${rowsPerPage}`
  const first = `SELECT * FROM ${table} ${order}`
  const later = `SELECT * FROM ${table} WHERE (${names}) > (${marks}) ${order}`
  const pagesOf = (side: DatabaseSync): Pages => ({
    first: side.prepare(first),
    later: side.prepare(later),
  })
  const [reader, remaker] = [pagesOf(db), pagesOf(fresh)]
  for (let after: Key | null = null; ; ) {
    const stored = pageAfter(reader, after)
    const replayed = inScratch(() => pageAfter(remaker, after))
    const length = Math.max(stored.length, replayed.length)
    for (let i = 0; i < length; i++) {
      const [a, b] = [stored[i], replayed[i]].map((row) => JSON.stringify(row ?? null))
      if (a !== b) return { table, stored: String(a), replayed: String(b) }
    }
    const last = stored.at(-1)
    if (last === undefined || length < rowsPerPage) return null
    after = keys.map((key) => last[key] as string | number)
    yield
  }
}

type Statement = ReturnType<DatabaseSync['prepare']>
type Pages = Readonly<{ first: Statement; later: Statement }>
type Key = readonly (string | number)[]

const pageAfter = ({ first, later }: Pages, after: Key | null) =>
  after === null ? first.all() : later.all(...after)

function keysOf(db: DatabaseSync, table: string): readonly string[] {
  const columns = db.prepare(
    'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk',
  )
  return columns.all(table).map(({ name }) => String(name))
}

function inScratch<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!isStorageFailure(cause)) throw cause
    throw new ScratchFailed('the replay has no room', { cause })
  }
}

function entryIn(bytes: Uint8Array): Entry {
  const parsed = parseCanonical(bytes)
  if (!parsed.ok) throw new Error(`corrupt ledger: ${parsed.error.reason}`)
  return parsed.value as Entry
}
