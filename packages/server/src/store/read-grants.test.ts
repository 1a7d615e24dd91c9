import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { migrate } from './migrate.ts'
import { readGrants } from './read-grants.ts'

/** The statements that reading grants prepares, and how SQLite goes about each. */
function plansOfReads(): ReadonlyMap<string, readonly string[]> {
  const db = new DatabaseSync(':memory:')
  migrate(db)
  const plans = new Map<string, readonly string[]>()
  const watched = new Proxy(db, {
    get: (target, name) => (name === 'prepare' ? prepare : Reflect.get(target, name)),
  })
  const prepare = (sql: string) => {
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    plans.set(
      sql,
      steps.map(({ detail }) => String(detail)),
    )
    return db.prepare(sql)
  }
  readGrants(watched)
  db.close()
  return plans
}

test('L-01 L-02 what is due next is read from an index, however much is due', () => {
  const plans = [...plansOfReads()].filter(([sql]) => /FROM due\b/.test(sql))
  expect(plans).toHaveLength(5)
  for (const [sql, plan] of plans) {
    expect(
      plan.filter((step) => step.startsWith('SCAN due')),
      sql,
    ).toEqual([])
    const isSorted = plan.includes('USE TEMP B-TREE FOR ORDER BY')
    // What confers access is sorted by when it was asked for; what is due stands sorted already.
    expect(isSorted, sql).toBe(sql.includes('ORDER BY asked_idx'))
  }
})
