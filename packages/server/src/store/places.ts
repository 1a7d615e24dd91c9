import type { DatabaseSync } from 'node:sqlite'
import type { Digest } from '@halligan/core'
import {
  type Crypto,
  type Entry,
  isOwnId,
  parseCanonical,
  payloadDigest,
} from '@halligan/ledger'
import { envelopeIn } from './payload.ts'
import { createRecent } from './recent.ts'

/** A subject's last entry. */
export type Last = Readonly<{ idx: number; id: Digest }>

/** Where the last entry of a subject stands, and the first that holds an act. */
export interface Places {
  lastOf(subject: string): Last | null
  ofAct(digest: Digest): number | null
  note(index: number, entry: Entry): void
  /** Forgets the entries from `size` on. None of them was {@link settle}d. */
  rewind(size: number): void
  /** The entries noted until now are durable. */
  settle(): void
  /** Brings the tables up to the log's `size` in a transaction of its own, when enough has gathered. */
  writeWhenMany(size: number): void
  /** The same, as part of a transaction that the caller has begun, however little has gathered. */
  put(size: number): void
}

export const placesTables = ['subjects', 'acts'] as const

const mostUnwritten = 4096

/**
 * Subjects and digests come in no order, so in a B-tree each would cost every commit a page of its own. The
 * tables therefore lag behind the log, up to `places_mark`; the entries after it are held in memory.
 */
export function openPlaces(db: DatabaseSync, crypto: Crypto): Places {
  const places = createPlaces(db, crypto)
  const rows = db.prepare(
    'SELECT idx, bytes FROM entries WHERE idx >= (SELECT size FROM places_mark) ORDER BY idx',
  )
  for (const { idx, bytes } of rows.iterate()) {
    const entry = readableEntry(crypto, bytes as Uint8Array)
    if (entry !== null) places.note(Number(idx), entry)
  }
  places.settle()
  return places
}

/** The tables as a replay of the first `size` entries makes them. */
export function createPlaces(db: DatabaseSync, crypto: Crypto): Places {
  const selectLast = db.prepare('SELECT idx, id FROM subjects WHERE subject = ?')
  const selectAct = db.prepare('SELECT idx FROM acts WHERE digest = ?')
  const insertLast = db.prepare('INSERT OR REPLACE INTO subjects VALUES (?, ?, ?)')
  const insertAct = db.prepare('INSERT OR IGNORE INTO acts VALUES (?, ?)')
  const setMark = db.prepare('UPDATE places_mark SET size = ?')
  const lasts = createRecent<Last>()
  const acts = createRecent<number>()
  let mark = Number(db.prepare('SELECT size FROM places_mark').get()?.size)

  function put(size: number): void {
    for (const [subject, { idx, id }] of lasts.sorted()) insertLast.run(subject, idx, id)
    for (const [digest, idx] of acts.sorted()) insertAct.run(digest, idx)
    setMark.run(size)
  }

  function forget(size: number): void {
    mark = size
    lasts.clear()
    acts.clear()
  }

  return {
    lastOf: (subject) =>
      lasts.get(subject) ?? (selectLast.get(subject) as Last | undefined) ?? null,
    ofAct(digest) {
      const row = selectAct.get(digest)
      return row === undefined ? (acts.get(digest) ?? null) : Number(row.idx)
    },
    note(idx, entry) {
      lasts.set(entry.subject, { idx, id: entry.id }, idx)
      const act = envelopeIn(entry.act)
      if (act === null) return
      const digest = payloadDigest(crypto, act)
      if (acts.get(digest) === undefined) acts.set(digest, idx, idx)
    },
    rewind(size) {
      lasts.rewind(size)
      acts.rewind(size)
    },
    settle() {
      lasts.settle()
      acts.settle()
    },
    writeWhenMany(size) {
      if (size - mark < mostUnwritten) return
      db.exec('BEGIN IMMEDIATE')
      put(size)
      db.exec('COMMIT')
      forget(size)
    },
    put(size) {
      put(size)
      forget(size)
    },
  }
}

/** Null for an entry that somebody changed: the start-up checks find it, and say what it means. */
function readableEntry(crypto: Crypto, bytes: Uint8Array): Entry | null {
  const parsed = parseCanonical(bytes)
  if (!parsed.ok) return null
  const entry = parsed.value as Entry
  return isOwnId(crypto, entry) ? entry : null
}
