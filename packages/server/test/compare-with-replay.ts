import type { DatabaseSync } from 'node:sqlite'
import { type Crypto, type Entry, parseCanonical } from '@halligan/ledger'
import { createReplay, type Difference } from '../src/store/replay.ts'

/** The first difference between the tables of `db` and a replay of its entries; null when there is none. */
export function compareWithReplay(db: DatabaseSync, crypto: Crypto): Difference | null {
  const replay = createReplay(db, crypto)
  try {
    for (const row of db.prepare('SELECT idx, bytes FROM entries ORDER BY idx').iterate()) {
      const parsed = parseCanonical(row.bytes as Uint8Array)
      if (!parsed.ok) throw new Error(`corrupt ledger: ${parsed.error.reason}`)
      replay.project(Number(row.idx), parsed.value as Entry)
    }
    const pages = replay.compare()
    for (;;) {
      const step = pages.next()
      if (step.done === true) return step.value
    }
  } finally {
    replay.close()
  }
}
