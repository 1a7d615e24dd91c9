import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Digest, GrantId, Instant } from '@halligan/core'
import type { Delivery } from '../ports.ts'
import { type Hold, unheld } from '../state.ts'
import { type Books, type Outgoing, StateTaken, type TrustSeen } from './port.ts'
import { type SecretKey, sealedShelf } from './secret-shelf.ts'

const schema = `
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS holds (
    grant_id TEXT NOT NULL, target TEXT NOT NULL, unfinished INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (grant_id, target)) STRICT;
  CREATE INDEX IF NOT EXISTS holds_unfinished ON holds (unfinished) WHERE unfinished = 1;
  CREATE TABLE IF NOT EXISTS fences (overlap_key TEXT PRIMARY KEY, idx INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS receipts (
    seq INTEGER PRIMARY KEY, digest TEXT NOT NULL, delivery TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS refused (order_digest TEXT PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS secrets (
    grant_id TEXT NOT NULL, target TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (grant_id, target)) STRICT;
`

type Row = Readonly<Record<string, unknown>>

/** The adapter on one SQLite file: WAL, `synchronous=FULL`, and an exclusive lock that dies with the process. */
export function openBooks(path: string, secretKey: SecretKey): Books {
  const db = openExclusively(path)
  const run = (sql: string, ...values: SQLInputValue[]) => db.prepare(sql).run(...values)
  const one = (sql: string, ...values: SQLInputValue[]): Row | undefined =>
    db.prepare(sql).get(...values)
  const all = (sql: string, ...values: SQLInputValue[]): readonly Row[] =>
    db.prepare(sql).all(...values)

  const fact = <T>(name: string, otherwise: T): T => {
    const row = one('SELECT value FROM facts WHERE name = ?', name)
    return row === undefined ? otherwise : (JSON.parse(String(row.value)) as T)
  }
  const keepFact = (name: string, value: unknown) => {
    run('INSERT OR REPLACE INTO facts VALUES (?, ?)', name, JSON.stringify(value))
  }

  return {
    atomically: (work) => atomically(db, work),
    hold(grant, target) {
      const sql = 'SELECT state FROM holds WHERE grant_id = ? AND target = ?'
      const row = one(sql, grant, target)
      return row === undefined ? unheld(grant, target) : readHold(row)
    },
    unfinished: () =>
      all('SELECT state FROM holds WHERE unfinished = 1 ORDER BY rowid').map(readHold),
    keepHold(hold) {
      const { grant, target } = hold
      const sql = `INSERT INTO holds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET unfinished = excluded.unfinished, state = excluded.state`
      run(sql, grant, target, isFinished(hold) ? 0 : 1, JSON.stringify(hold))
    },
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
      atomically(db, () => {
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

function atomically<T>(db: DatabaseSync, work: () => T): T {
  if (db.isTransaction) return work()
  db.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    db.exec('COMMIT')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

const readHold = (row: Row) => JSON.parse(String(row.state)) as Hold

const readOutgoing = (row: Row): Outgoing => ({
  seq: Number(row.seq),
  digest: String(row.digest) as Digest,
  delivery: JSON.parse(String(row.delivery)) as Delivery,
})

const isFinished = (hold: Hold): boolean =>
  hold.phase === 'refused' || (hold.phase === 'absent' && hold.cleaned)

export type SealedRows = Readonly<{
  put(grant: GrantId, target: string, sealed: Uint8Array): void
  get(grant: GrantId, target: string): Uint8Array | null
  drop(grant: GrantId, target: string): void
}>
