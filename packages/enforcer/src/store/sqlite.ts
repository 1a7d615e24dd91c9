import { DatabaseSync } from 'node:sqlite'
import type { Digest, GrantId, Instant } from '@halligan/core'
import type { Delivery } from '../ports.ts'
import { holdsIn } from './holds.ts'
import {
  type Books,
  BooksUnwritable,
  type Outgoing,
  StateTaken,
  type TrustSeen,
} from './port.ts'
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

/**
 * The adapter on one SQLite file: WAL, `synchronous=FULL`, and an exclusive lock that dies with the process. `prepare` may set
 * more of each connection, such as a limit on its size.
 */
export function openBooks(
  path: string,
  secretKey: SecretKey,
  prepare: (db: DatabaseSync) => void = () => {},
): Books {
  const file = keptOpen(path, prepare)
  const { run, one, all } = queriesOn(file.db)
  const fact = <T>(name: string, otherwise: T): T => {
    const row = one('SELECT value FROM facts WHERE name = ?', name)
    return row === undefined ? otherwise : (JSON.parse(String(row.value)) as T)
  }
  const keepFact = (name: string, value: unknown) => {
    run('INSERT OR REPLACE INTO facts VALUES (?, ?)', name, JSON.stringify(value))
  }

  const holds = holdsIn({ run, one, all })
  const whole = <T>(work: () => T): T => atomically(file, work, holds)
  let trust = fact<TrustSeen>('trust', { rosters: [], checkpoint: null })
  let highestWall = fact<Instant>('highest_wall', 0 as Instant)

  return {
    atomically: whole,
    together: writingTogether(whole),
    hold: holds.hold,
    unfinished: holds.unfinished,
    keepHold: (hold) => whole(() => holds.keepHold(hold)),
    holdUnwritten: holds.holdUnwritten,
    isUnwritten: holds.isUnwritten,
    written: holds.written,
    fence(overlapKey) {
      const row = one('SELECT idx FROM fences WHERE overlap_key = ?', overlapKey)
      return row === undefined ? null : Number(row.idx)
    },
    raiseFence(overlapKey, index) {
      const sql = `INSERT INTO fences VALUES (?, ?) ON CONFLICT DO UPDATE
        SET idx = max(idx, excluded.idx)`
      whole(() => run(sql, overlapKey, index))
    },
    highestWall: () => highestWall,
    keepHighestWall(wall) {
      highestWall = wall
      whole(() => keepFact('highest_wall', wall))
    },
    trust: () => trust,
    keepTrust(seen) {
      whole(() => keepFact('trust', seen))
      trust = seen
    },
    generation: () => fact('generation', 0),
    keepGeneration: (generation) => whole(() => keepFact('generation', generation)),
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
      whole(() => run('DELETE FROM receipts WHERE seq = ?', seq))
    },
    wasRefused: (order) =>
      one('SELECT 1 FROM refused WHERE order_digest = ?', order) !== undefined,
    noteRefused(order) {
      whole(() => run('INSERT OR IGNORE INTO refused VALUES (?)', order))
    },
    drifts: (target) => fact<readonly string[]>(`drifts/${target}`, []),
    keepDrifts: (target, drifts) => whole(() => keepFact(`drifts/${target}`, drifts)),
    shelf: sealedShelf(secretKey, {
      put: (grant, target, sealed) => {
        const sql = 'INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)'
        whole(() => run(sql, grant, target, sealed))
      },
      get: (grant, target) => {
        const sql = 'SELECT sealed FROM secrets WHERE grant_id = ? AND target = ?'
        const sealed = one(sql, grant, target)?.sealed
        return sealed instanceof Uint8Array ? sealed : null
      },
      drop: (grant, target) => {
        const sql = 'DELETE FROM secrets WHERE grant_id = ? AND target = ?'
        whole(() => run(sql, grant, target))
      },
    }),
    close: file.close,
  }
}

type KeptOpen = Readonly<{
  /** Throws `BooksUnwritable` while the disk does not let it be opened. */
  db(): DatabaseSync
  /** What is on disk after an error of the device is not known until it is read anew. */
  reopen(): void
  close(): void
}>

function keptOpen(path: string, prepare: (db: DatabaseSync) => void): KeptOpen {
  const open = () => {
    const db = openExclusively(path)
    prepare(db)
    return db
  }
  let current: DatabaseSync | null = open()
  const reopen = () => {
    current?.close()
    current = null
    try {
      current = open()
    } catch (cause) {
      throw new BooksUnwritable(`${path} cannot be opened again`, { cause })
    }
  }
  return {
    reopen,
    db() {
      if (current === null) reopen()
      if (current === null) throw new BooksUnwritable(`${path} is closed`)
      return current
    },
    close: () => current?.close(),
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

type InMemory = Readonly<{ undo(): void; settled(): void; reread(): void }>

function atomically<T>(file: KeptOpen, work: () => T, memory: InMemory): T {
  const db = file.db()
  if (db.isTransaction) return work()
  try {
    db.exec('BEGIN IMMEDIATE')
    const value = work()
    db.exec('COMMIT')
    memory.settled()
    return value
  } catch (error) {
    memory.undo()
    if (db.isTransaction) db.exec('ROLLBACK')
    const why = whyUnwritable(error)
    if (why === null) throw error
    if (why === 'device') {
      file.reopen()
      memory.reread()
    }
    throw new BooksUnwritable('the disk takes nothing', { cause: error })
  }
}

/** Primary result codes of SQLite. */
const deviceError = 10
const unwritable: ReadonlySet<number> = new Set([8, 13, 14])

function whyUnwritable(error: unknown): 'full' | 'device' | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null
  const primary = Number(error.errcode) & 0xff
  if (primary === deviceError) return 'device'
  return unwritable.has(primary) ? 'full' : null
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
