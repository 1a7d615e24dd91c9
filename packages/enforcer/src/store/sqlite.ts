import { DatabaseSync } from 'node:sqlite'
import type { Digest, GrantId, Instant } from '@halligan/core'
import type { Delivery } from '../ports.ts'
import { holdsIn } from './holds.ts'
import { type Books, type Outgoing, StateTaken, type TrustSeen } from './port.ts'
import { queriesOn, type Row } from './queries.ts'
import { type SecretKey, sealedShelf } from './secret-shelf.ts'
import { writingTogether } from './together.ts'

const schema = `
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS holds (
    grant_id TEXT NOT NULL, target TEXT NOT NULL, unfinished INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (grant_id, target)) STRICT;
  CREATE INDEX IF NOT EXISTS holds_unfinished ON holds (unfinished) WHERE unfinished = 1;
  CREATE TABLE IF NOT EXISTS texts (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS snapshots (
    grant_id TEXT NOT NULL, target TEXT NOT NULL, moment TEXT NOT NULL,
    text_id INTEGER NOT NULL REFERENCES texts, PRIMARY KEY (grant_id, target, moment)) STRICT;
  CREATE INDEX IF NOT EXISTS snapshots_text ON snapshots (text_id);
  CREATE TABLE IF NOT EXISTS fences (overlap_key TEXT PRIMARY KEY, idx INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS receipts (
    seq INTEGER PRIMARY KEY, digest TEXT NOT NULL, delivery TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS refused (order_digest TEXT PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS secrets (
    grant_id TEXT NOT NULL, target TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (grant_id, target)) STRICT;
`

/** The adapter on one SQLite file: WAL, `synchronous=FULL`, and an exclusive lock that dies with the process. */
export function openBooks(path: string, secretKey: SecretKey): Books {
  const db = openExclusively(path)
  const { run, one, all } = queriesOn(db)
  const fact = <T>(name: string, otherwise: T): T => {
    const row = one('SELECT value FROM facts WHERE name = ?', name)
    return row === undefined ? otherwise : (JSON.parse(String(row.value)) as T)
  }
  const keepFact = (name: string, value: unknown) => {
    run('INSERT OR REPLACE INTO facts VALUES (?, ?)', name, JSON.stringify(value))
  }

  const holds = holdsIn({ run, one, all })
  const whole = <T>(work: () => T): T => atomically(db, work, holds.reread)

  return {
    atomically: whole,
    together: writingTogether(whole),
    hold: holds.hold,
    unfinished: holds.unfinished,
    keepHold: (hold) => whole(() => holds.keepHold(hold)),
    fence(overlapKey) {
      const row = one('SELECT idx FROM fences WHERE overlap_key = ?', overlapKey)
      return row === undefined ? null : Number(row.idx)
    },
    raiseFence(overlapKey, index) {
      const sql = `INSERT INTO fences VALUES (?, ?) ON CONFLICT DO UPDATE
        SET idx = max(idx, excluded.idx)`
      run(sql, overlapKey, index)
    },
    highestWall: () => fact<Instant>('highest_wall', 0 as Instant),
    keepHighestWall: (wall) => keepFact('highest_wall', wall),
    trust: () => fact<TrustSeen>('trust', { rosters: [], checkpoint: null }),
    keepTrust: (trust) => keepFact('trust', trust),
    generation: () => fact('generation', 0),
    keepGeneration: (generation) => keepFact('generation', generation),
    lastReceipt: () => fact<{ seq: number; digest: Digest } | null>('last_receipt', null),
    appendReceipt({ seq, digest, delivery }) {
      whole(() => {
        run('INSERT INTO receipts VALUES (?, ?, ?)', seq, digest, JSON.stringify(delivery))
        keepFact('last_receipt', { seq, digest })
      })
    },
    outgoing: (limit) =>
      all('SELECT * FROM receipts ORDER BY seq LIMIT ?', limit).map(readOutgoing),
    forgetReceipt(seq) {
      run('DELETE FROM receipts WHERE seq = ?', seq)
    },
    wasRefused: (order) =>
      one('SELECT 1 FROM refused WHERE order_digest = ?', order) !== undefined,
    noteRefused(order) {
      run('INSERT OR IGNORE INTO refused VALUES (?)', order)
    },
    drifts: (target) => fact<readonly string[]>(`drifts/${target}`, []),
    keepDrifts: (target, drifts) => keepFact(`drifts/${target}`, drifts),
    shelf: sealedShelf(secretKey, {
      put: (grant, target, sealed) => {
        run('INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)', grant, target, sealed)
      },
      get: (grant, target) => {
        const sql = 'SELECT sealed FROM secrets WHERE grant_id = ? AND target = ?'
        const sealed = one(sql, grant, target)?.sealed
        return sealed instanceof Uint8Array ? sealed : null
      },
      drop: (grant, target) => {
        run('DELETE FROM secrets WHERE grant_id = ? AND target = ?', grant, target)
      },
    }),
    close: () => db.close(),
  }
}

function openExclusively(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA journal_mode = WAL')
    db.exec('PRAGMA synchronous = FULL')
    db.exec('PRAGMA secure_delete = ON')
    // Takes the write lock now, and keeps it: locking_mode holds whatever was once taken.
    db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`)
    return db
  } catch (cause) {
    db.close()
    if (cause instanceof Error && /locked|busy/.test(cause.message))
      throw new StateTaken(`another enforcer runs on ${path}`, { cause })
    throw cause
  }
}

function atomically<T>(db: DatabaseSync, work: () => T, onRollback: () => void): T {
  if (db.isTransaction) return work()
  db.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    db.exec('COMMIT')
    return value
  } catch (error) {
    onRollback()
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

const readOutgoing = (row: Row): Outgoing => ({
  seq: Number(row.seq),
  digest: String(row.digest) as Digest,
  delivery: JSON.parse(String(row.delivery)) as Delivery,
})

export type SealedRows = Readonly<{
  put(grant: GrantId, target: string, sealed: Uint8Array): void
  get(grant: GrantId, target: string): Uint8Array | null
  drop(grant: GrantId, target: string): void
}>
