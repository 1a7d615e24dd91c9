import type { GrantId } from '@halligan/core'
import { type Hold, unheld } from '../state.ts'
import type { Books } from './port.ts'
import type { Queries, Row } from './queries.ts'

type Holds = Pick<Books, 'hold' | 'unfinished' | 'keepHold'> & Readonly<{ reread(): void }>

/**
 * The holds, unfinished ones also in memory: the due loop looks at each on every wake, and each may carry a large snapshot.
 * Nobody else writes here, so what was read once stays true until a rollback, after which `reread` is called.
 */
export function holdsIn({ run, one, all }: Queries): Holds {
  let known: Map<string, Hold> | null = null
  const open = (): Map<string, Hold> => {
    const sql = 'SELECT state FROM holds WHERE unfinished = 1 ORDER BY rowid'
    known ??= new Map(
      all(sql)
        .map(readHold)
        .map((hold) => [keyOf(hold.grant, hold.target), hold]),
    )
    return known
  }
  return {
    reread() {
      known = null
    },
    hold(grant, target) {
      const held = open().get(keyOf(grant, target))
      if (held !== undefined) return held
      const sql = 'SELECT state FROM holds WHERE grant_id = ? AND target = ?'
      const row = one(sql, grant, target)
      return row === undefined ? unheld(grant, target) : readHold(row)
    },
    unfinished: () => [...open().values()],
    keepHold(hold) {
      const { grant, target } = hold
      const finished = isFinished(hold)
      const sql = `INSERT INTO holds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
        SET unfinished = excluded.unfinished, state = excluded.state`
      run(sql, grant, target, finished ? 0 : 1, JSON.stringify(hold))
      if (finished) open().delete(keyOf(grant, target))
      else open().set(keyOf(grant, target), hold)
    },
  }
}

const keyOf = (grant: GrantId, target: string) => `${grant}/${target}`

const readHold = (row: Row) => JSON.parse(String(row.state)) as Hold

const isFinished = (hold: Hold): boolean =>
  hold.phase === 'refused' || (hold.phase === 'absent' && hold.cleaned)
