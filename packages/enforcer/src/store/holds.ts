import type { GrantId } from '@halligan/core'
import { type Hold, unheld } from '../state.ts'
import type { Books } from './port.ts'
import type { Queries, Row } from './queries.ts'
import { snapshotShelf, snapshotsOf, withSnapshots } from './snapshots.ts'

type Holds = Pick<
  Books,
  'hold' | 'unfinished' | 'keepHold' | 'holdUnwritten' | 'isUnwritten' | 'written'
> &
  Readonly<{
    /** The transaction that wrote since `settled` was rolled back: so is what is in memory. */
    undo(): void
    settled(): void
    /** What is on disk may be something else. */
    reread(): void
  }>

/**
 * The holds, unfinished ones also in memory: the due loop looks at each on every wake, and each may carry a large snapshot.
 * Nobody else writes here, so what was read once stays true. An ending that the disk did not take lies over it.
 */
export function holdsIn(queries: Queries): Holds {
  const { run, one, all } = queries
  const shelf = snapshotShelf(queries)
  let known: Map<string, Hold> | null = null
  const read = (row: Row): Hold => {
    const hold = JSON.parse(String(row.state)) as Hold
    return withSnapshots(hold, shelf.get(hold.grant, hold.target))
  }
  const open = (): Map<string, Hold> => {
    const sql = 'SELECT state FROM holds WHERE unfinished = 1 ORDER BY rowid'
    known ??= new Map(
      all(sql)
        .map(read)
        .map((hold) => [keyOf(hold.grant, hold.target), hold]),
    )
    return known
  }
  /** With the very strings that other holds have, where they are equal. */
  const sharing = (hold: Hold): Hold =>
    withSnapshots(hold, shelf.get(hold.grant, hold.target))
  const unwritten = new Map<string, Hold>()
  const undone = new Map<string, Hold | undefined>()
  const put = (key: string, hold: Hold | undefined) => {
    if (hold === undefined) open().delete(key)
    else open().set(key, hold)
  }
  return {
    undo() {
      for (const [key, hold] of undone) put(key, hold)
      undone.clear()
      shelf.forget()
    },
    settled: () => undone.clear(),
    reread() {
      known = null
      shelf.forget()
    },
    holdUnwritten: (hold) => void unwritten.set(keyOf(hold.grant, hold.target), hold),
    isUnwritten: (grant, target) => unwritten.has(keyOf(grant, target)),
    written: (grant, target) => void unwritten.delete(keyOf(grant, target)),
    hold(grant, target) {
      const key = keyOf(grant, target)
      const held = unwritten.get(key) ?? open().get(key)
      if (held !== undefined) return held
      const sql = 'SELECT state FROM holds WHERE grant_id = ? AND target = ?'
      const row = one(sql, grant, target)
      return row === undefined ? unheld(grant, target) : read(row)
    },
    unfinished() {
      if (unwritten.size === 0) return [...open().values()]
      return [...new Map<string, Hold>([...open(), ...unwritten]).values()]
    },
    keepHold(hold) {
      const { grant, target } = hold
      const finished = isFinished(hold)
      const sql = `INSERT INTO holds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET unfinished = excluded.unfinished, state = excluded.state`
      const was = open().get(keyOf(grant, target))
      shelf.put(hold, was === undefined ? shelf.get(grant, target) : snapshotsOf(was))
      const bare = withSnapshots(hold, { before: null, after: null })
      run(sql, grant, target, finished ? 0 : 1, JSON.stringify(bare))
      const key = keyOf(grant, target)
      if (!undone.has(key)) undone.set(key, was)
      put(key, finished ? undefined : was === undefined ? sharing(hold) : hold)
    },
  }
}

const keyOf = (grant: GrantId, target: string) => `${grant}/${target}`

const isFinished = (hold: Hold): boolean =>
  hold.phase === 'refused' || (hold.phase === 'absent' && hold.cleaned)
