import type { DatabaseSync } from 'node:sqlite'
import { type Crypto, type Entry, parseCanonical } from '@halligan/ledger'
import { inMemory, openDatabase } from './database.ts'
import { migrate } from './migrate.ts'
import { createPlaces, placesTables } from './places.ts'
import { createProjector, projectionTables, projectionVersion } from './project.ts'

/** Where a projection is not what its entries make of it. */
export type Difference = Readonly<{ table: string; stored: string; replayed: string }>

/** The first difference between the tables of `db` and a replay of its entries; null when there is none. */
export function compareWithReplay(db: DatabaseSync, crypto: Crypto): Difference | null {
  const fresh = openDatabase(inMemory)
  try {
    migrate(fresh)
    replay(db, fresh, crypto)
    return firstDifference(db, fresh)
  } finally {
    fresh.close()
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

function replay(db: DatabaseSync, fresh: DatabaseSync, crypto: Crypto): void {
  const project = createProjector(fresh, crypto)
  const places = createPlaces(fresh, crypto)
  const written = Number(db.prepare('SELECT size FROM places_mark').get()?.size)
  fresh.exec('BEGIN')
  for (const row of db.prepare('SELECT idx, bytes FROM entries ORDER BY idx').iterate()) {
    const [index, entry] = [Number(row.idx), entryIn(row.bytes as Uint8Array)]
    project(index, entry)
    if (index < written) places.note(index, entry)
  }
  fresh.exec('COMMIT')
  places.write(written)
}

function firstDifference(db: DatabaseSync, fresh: DatabaseSync): Difference | null {
  for (const table of [...placesTables, ...projectionTables]) {
    const [stored, replayed] = [rowsOf(db, table), rowsOf(fresh, table)]
    for (;;) {
      const [left, right] = [stored.next(), replayed.next()]
      if (left.done === true && right.done === true) break
      const [a, b] = [
        JSON.stringify(left.value ?? null),
        JSON.stringify(right.value ?? null),
      ]
      if (a !== b) return { table, stored: a, replayed: b }
    }
  }
  return null
}

/** The first column of every table is the first of its key, and the second settles what it leaves open. */
const rowsOf = (db: DatabaseSync, table: string) =>
  db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).iterate()[Symbol.iterator]()

function entryIn(bytes: Uint8Array): Entry {
  const parsed = parseCanonical(bytes)
  if (!parsed.ok) throw new Error(`corrupt ledger: ${parsed.error.reason}`)
  return parsed.value as Entry
}
