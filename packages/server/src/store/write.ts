import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '@halligan/core'
import { type Crypto, payloadDigest } from '@halligan/ledger'
import type { LogTable } from './log-table.ts'
import { writeOutbox } from './outbox.ts'
import type { Tx, View } from './port.ts'
import type { Projector } from './project-grant.ts'

/** The writes of a transaction. What a savepoint takes back is taken back by the store. */
export function createTx(
  db: DatabaseSync,
  crypto: Crypto,
  parts: Readonly<{ log: LogTable; view: View; project: Projector }>,
  now: () => Instant,
): Tx {
  const { log, view, project } = parts
  const forget = db.prepare('DELETE FROM blobs WHERE commitment = ?')
  return {
    ...view,
    append(draft) {
      const placed = log.append(draft, now())
      project(placed.index, placed.entry)
      if (placed.entry.kind === 'erased') forget.run(String(placed.entry.commitment))
      return placed
    },
    ...writeDocuments(db, crypto),
    ...writeOutbox(db),
    ...writeCounts(db),
  }
}

type Documents = Pick<Tx, 'putBlob' | 'putBundle' | 'putRoster' | 'putSealed' | 'useNonce'>

function writeDocuments(db: DatabaseSync, crypto: Crypto): Documents {
  const blob = db.prepare('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)')
  const bundle = db.prepare('INSERT OR IGNORE INTO bundles VALUES (?, ?)')
  const roster = db.prepare('INSERT OR IGNORE INTO rosters VALUES (?, ?)')
  const sealed = db.prepare('INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?)')
  const nonce = db.prepare('INSERT OR IGNORE INTO nonces VALUES (?, ?)')
  return {
    putBlob({ commitment, salt, text }) {
      blob.run(commitment, salt, text)
    },
    putBundle(digest, files) {
      bundle.run(digest, JSON.stringify(files))
    },
    putRoster(envelope) {
      roster.run(payloadDigest(crypto, envelope), JSON.stringify(envelope))
    },
    putSealed(grant, target, revealId, jwe, receipt) {
      sealed.run(grant, target, revealId, jwe, JSON.stringify(receipt))
    },
    // Used nonces are kept for ever: a clock that jumps frees none of them (TM-02).
    useNonce: (value, expires) => nonce.run(value, expires).changes === 1,
  }
}

type Counts = Pick<Tx, 'countRefusal' | 'takeRefusalEntry' | 'takeRefusalCounts'>

function writeCounts(db: DatabaseSync): Counts {
  const count = db.prepare(`
    INSERT INTO refusal_counts VALUES (?, ?, 1)
    ON CONFLICT DO UPDATE SET count = count + 1`)
  const counts = db.prepare(
    'SELECT code, first_at, count FROM refusal_counts ORDER BY code',
  )
  const clear = db.prepare('DELETE FROM refusal_counts')
  const take = db.prepare(`
    INSERT INTO refusal_quota VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET
      entries = CASE WHEN minute = ?2 THEN entries + 1 ELSE 1 END, minute = ?2
    RETURNING entries`)
  return {
    countRefusal(code, at) {
      count.run(code, at)
    },
    takeRefusalEntry(subject, at, limit) {
      const row = take.get(subject, Math.floor(at / 60_000))
      return Number(row?.entries) <= limit
    },
    takeRefusalCounts() {
      const rows = counts.all()
      if (rows.length === 0) return null
      clear.run()
      return {
        from: Math.min(...rows.map(({ first_at }) => Number(first_at))) as Instant,
        counts: Object.fromEntries(
          rows.map(({ code, count }) => [String(code), Number(count)]),
        ),
      }
    },
  }
}
