import type { DatabaseSync } from 'node:sqlite'
import type { Digest } from '@halligan/core'
import type { StoredResult } from './port.ts'

/** Results of commands by key, first one kept for ever (INV-22). */
export interface Results {
  of(key: Digest): StoredResult | null
  keep(key: Digest, size: number, result: string): void
  /** Brings the index up to date in a transaction of its own, when enough has gathered. */
  indexWhenMany(): void
}

/**
 * A random key costs a page of its own in every commit that inserts it into a B-tree. So rows are appended,
 * their keys held in memory, and the tree is fed in sorted order, thousands at a time.
 */
const mostUnindexed = 4096

export function openResults(db: DatabaseSync): Results {
  const insert = db.prepare('INSERT INTO results (key, size, result) VALUES (?, ?, ?)')
  const bySeq = db.prepare('SELECT key, size, result FROM results WHERE seq = ?')
  const indexed = db.prepare(`
    SELECT key, size, result FROM results JOIN result_keys USING (seq)
    WHERE start = unhex(substr(?1, 8, 16)) AND key = ?1`)
  const unindexed = new Map<string, number>()
  const waiting = db.prepare(
    'SELECT key, seq FROM results WHERE seq > (SELECT seq FROM result_mark)',
  )
  for (const { key, seq } of waiting.all()) unindexed.set(String(key), Number(seq))

  return {
    of(key) {
      const seq = unindexed.get(key)
      const row = seq === undefined ? indexed.get(key) : bySeq.get(seq)
      // A savepoint may have taken back the row, and another command its number.
      if (row === undefined || row.key !== key) return null
      return { size: Number(row.size), result: String(row.result) }
    },
    keep(key, size, result) {
      unindexed.set(key, Number(insert.run(key, size, result).lastInsertRowid))
    },
    indexWhenMany() {
      if (unindexed.size < mostUnindexed) return
      db.exec(`
        BEGIN IMMEDIATE;
        INSERT INTO result_keys SELECT unhex(substr(key, 8, 16)), seq FROM results
          WHERE seq > (SELECT seq FROM result_mark) ORDER BY 1;
        UPDATE result_mark SET seq = (SELECT max(seq) FROM results);
        COMMIT`)
      unindexed.clear()
    },
  }
}
