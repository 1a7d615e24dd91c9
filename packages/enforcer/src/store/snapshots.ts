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
}>

/** A snapshot may be large, and a hold is written anew at every step: they lie apart, so that each is written once. */
export const snapshotShelf = ({ run, all }: Queries): SnapshotShelf => ({
  put(hold, known) {
    const wanted = snapshotsOf(hold)
    for (const moment of ['before', 'after'] as const) {
      const text = wanted[moment]
      if (text === known[moment]) continue
      if (text === null || text === '') {
        const sql = 'DELETE FROM snapshots WHERE grant_id = ? AND target = ? AND moment = ?'
        run(sql, hold.grant, hold.target, moment)
      } else {
        const sql = 'INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)'
        run(sql, hold.grant, hold.target, moment, text)
      }
    }
  },
  get(grant, target) {
    const sql = 'SELECT moment, text FROM snapshots WHERE grant_id = ? AND target = ?'
    const texts = new Map(
      all(sql, grant, target).map(({ moment, text }) => [String(moment), String(text)]),
    )
    return { before: texts.get('before') ?? null, after: texts.get('after') ?? null }
  },
})
