/**
 * The way out of SAFE MODE when signed evidence was contradicted (PROTOCOL 7): the trustees sign a roster
 * version that closes the old origin at a stated (size, root) and opens the next. The tree goes on from
 * there, so indexes never repeat below it and fences keep their order.
 *
 * @module
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  currentLog,
  type Envelope,
  type Instant,
  ok,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import { type Crypto, payloadDigest, type Signer, signCheckpoint } from '@halligan/ledger'
import { replaceFile } from './anchor.ts'
import { databaseFile, journalFile } from './open-log.ts'
import { openStore, type SqliteStore } from './store/sqlite.ts'

export type NextLogOptions = Readonly<{
  folder: string
  anchorPath: string
  crypto: Crypto
  /** The key of the new origin. */
  signer: Signer
  now: Instant
  /** Verified by the caller against the chain of rosters: it is trusted here. */
  roster: Roster
  rosterEnvelope: Envelope
  /** The highest signed note that anybody holds of the old origin; evidence, whatever it says. */
  highestCheckpoint: string
  /** Lines of the server's and the enforcers' journals, in order, verified by the caller. */
  journals: readonly Envelope[]
}>

export type NextLogRefusal = Readonly<
  | { code: 'log_not_closed' }
  | { code: 'entries_missing'; found: number; needed: number }
  | { code: 'other_root'; found: string; needed: string }
>

/**
 * Builds the next log beside the old one and puts it in its place; the old files stay, renamed. Nothing may
 * have the folder open. A kill at any point is answered by calling it again.
 */
export async function startNextLog(
  options: NextLogOptions,
): Promise<Result<{ readonly size: number }, NextLogRefusal>> {
  const { folder, anchorPath, crypto, signer, roster } = options
  const closed = roster.logs.at(-2)
  const opened = currentLog(roster)
  const { toSize, toRoot } = closed ?? {}
  if (toSize === undefined || opened.fromSize !== toSize)
    return refuse({ code: 'log_not_closed' })

  const files = filesOf(folder, toSize)
  rmAll(files.fresh)
  const store = openStore({ path: files.fresh, crypto, origin: opened.origin })
  const taken = takeOver(store, files.old(), toSize)
  if (taken < toSize) {
    store.close()
    return refuse({ code: 'entries_missing', found: taken, needed: toSize })
  }
  const { root } = store.view().head()
  if (toRoot !== undefined && root !== toRoot) {
    store.close()
    return refuse({ code: 'other_root', found: root, needed: toRoot })
  }
  const firstOrigin = { origin: closed?.origin ?? '', size: toSize, root }
  writeFirstEntries(store, options, firstOrigin)
  const head = store.view().head()
  store.close()
  await replaceFile(anchorPath, signCheckpoint(crypto, head, signer))
  files.swap()
  return ok({ size: head.size })
}

/** Entries below `size`, and the documents and results that go with them. Returns how many entries there were. */
function takeOver(store: SqliteStore, oldPath: string, size: number): number {
  const old = new DatabaseSync(oldPath, { readOnly: true })
  try {
    const rows = old.prepare('SELECT bytes FROM entries WHERE idx < ? ORDER BY idx')
    const all = rows.all(size).map(({ bytes }) => bytes as Uint8Array)
    store.restore(all)
    for (const table of documentTables) copyRows(old, store.database(), table, '')
    copyRows(old, store.database(), 'results', `WHERE size <= ${size}`)
    return all.length
  } finally {
    old.close()
  }
}

/** Nonces too: they are void by their origin, and stay used. */
const documentTables = [
  'blobs',
  'bundles',
  'rosters',
  'nonces',
  'notices',
  'sealed',
] as const

function copyRows(
  from: DatabaseSync,
  to: DatabaseSync,
  table: string,
  where: string,
): void {
  for (const row of from.prepare(`SELECT * FROM ${table} ${where}`).iterate()) {
    const values = Object.values(row)
    const marks = values.map(() => '?').join(', ')
    to.prepare(`INSERT INTO ${table} VALUES (${marks})`).run(...values)
  }
}

function writeFirstEntries(
  store: SqliteStore,
  options: NextLogOptions,
  from: Readonly<{ origin: string; size: number; root: string }>,
): void {
  const { crypto, now, roster, rosterEnvelope, highestCheckpoint, journals } = options
  const { origin } = currentLog(roster)
  const by = { at: now, actor: 'system' } as const
  store.transact(now, (batch) =>
    batch.attempt((tx) => {
      tx.putRoster(rosterEnvelope)
      const rosterDigest = payloadDigest(crypto, rosterEnvelope)
      const { version } = roster
      tx.append({
        ...by,
        kind: 'roster_accepted',
        subject: 'roster',
        version,
        rosterDigest,
      })
      tx.append({
        ...by,
        kind: 'log_continued',
        subject: 'log',
        origin,
        from,
        highestCheckpoint,
      })
      for (const line of journals)
        tx.append({ ...by, kind: 'journal_imported', subject: 'log', line })
      return ok(null)
    }),
  )
}

function filesOf(folder: string, size: number) {
  const path = join(folder, databaseFile)
  const journal = join(folder, journalFile)
  const [closedPath, fresh] = [`${path}.closed-${size}`, `${path}.next`]
  return {
    fresh,
    old: () => (existsSync(path) ? path : closedPath),
    swap() {
      if (existsSync(path)) renameSync(path, closedPath)
      if (existsSync(journal)) renameSync(journal, `${journal}.closed-${size}`)
      renameSync(fresh, path)
    },
  }
}

function rmAll(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
}
