import { createHash } from 'node:crypto'
import type { GrantId } from '@halligan/core'
import type { Snapshot } from '../connectors/port.ts'
import { type Hold, holdIn, mayStand } from '../state.ts'
import type { Queries } from './queries.ts'

/** What stood before the grant, and what stood after its absence; null where nothing is kept. */
export type Snapshots = Readonly<{ before: Snapshot | null; after: Snapshot | null }>

export function snapshotsOf(hold: Hold): Snapshots {
  if (mayStand(hold)) return { before: hold.before, after: null }
  if (holdIn(hold, 'ending')) return { before: hold.opened?.before ?? null, after: null }
  if (holdIn(hold, 'absent'))
    return { before: hold.opened?.before ?? null, after: hold.after }
  return { before: null, after: null }
}

/** The hold with these in the place of its own: where it has none, none is put. */
export function withSnapshots(hold: Hold, { before, after }: Snapshots): Hold {
  if (mayStand(hold)) return { ...hold, before: before ?? '' }
  if (!holdIn(hold, 'ending', 'absent')) return hold
  const opened = hold.opened === null ? null : { ...hold.opened, before: before ?? '' }
  return holdIn(hold, 'absent') ? { ...hold, opened, after } : { ...hold, opened }
}

export type SnapshotShelf = Readonly<{
  /** Writes what differs from `known`, which is what this shelf holds. */
  put(hold: Hold, known: Snapshots): void
  get(grant: GrantId, target: string): Snapshots
  /** After a rollback: what was read meanwhile may be of rows that never were. */
  forget(): void
}>

/**
 * A snapshot may be large, a hold is written anew at every step, and grants that open one after the other begin from the
 * same state of their target. So snapshots lie apart, each text once for all that share it, on disk and in memory.
 */
export const snapshotShelf = ({ run, one, all }: Queries): SnapshotShelf => {
  /** Every text that stands in memory, by its row: equal snapshots are one string. */
  const known = new Map<number, string>()

  const textAt = (id: number): string => {
    const text =
      known.get(id) ?? String(one('SELECT text FROM texts WHERE id = ?', id)?.text)
    known.set(id, text)
    return text
  }
  const idOf = (text: string): number => {
    const digest = createHash('sha256').update(text).digest()
    run('INSERT OR IGNORE INTO texts (digest, text) VALUES (?, ?)', digest, text)
    return Number(one('SELECT id FROM texts WHERE digest = ?', digest)?.id)
  }
  const dropUnused = (id: unknown) => {
    const sql = `DELETE FROM texts WHERE id = ?
      AND NOT EXISTS (SELECT 1 FROM snapshots WHERE text_id = texts.id)`
    run(sql, Number(id))
    if (one('SELECT 1 FROM texts WHERE id = ?', Number(id)) === undefined)
      known.delete(Number(id))
  }
  const replace = ({ grant, target }: Hold, moment: string, text: string | null) => {
    const which = 'grant_id = ? AND target = ? AND moment = ?'
    const was = one(
      `SELECT text_id FROM snapshots WHERE ${which}`,
      ...[grant, target, moment],
    )
    if (text === null || text === '')
      run(`DELETE FROM snapshots WHERE ${which}`, grant, target, moment)
    else {
      const sql = 'INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)'
      run(sql, grant, target, moment, idOf(text))
    }
    if (was !== undefined) dropUnused(was.text_id)
  }
  return {
    put(hold, was) {
      const wanted = snapshotsOf(hold)
      for (const moment of ['before', 'after'] as const)
        if (wanted[moment] !== was[moment]) replace(hold, moment, wanted[moment])
    },
    get(grant, target) {
      const sql = 'SELECT moment, text_id FROM snapshots WHERE grant_id = ? AND target = ?'
      const ids = new Map(
        all(sql, grant, target).map(({ moment, text_id }) => [
          String(moment),
          Number(text_id),
        ]),
      )
      const textOf = (moment: string) => {
        const id = ids.get(moment)
        return id === undefined ? null : textAt(id)
      }
      return { before: textOf('before'), after: textOf('after') }
    },
    forget: () => known.clear(),
  }
}
