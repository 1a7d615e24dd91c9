import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

export type Row = Readonly<Record<string, unknown>>

export type Queries = Readonly<{
  run(sql: string, ...values: SQLInputValue[]): void
  one(sql: string, ...values: SQLInputValue[]): Row | undefined
  all(sql: string, ...values: SQLInputValue[]): readonly Row[]
}>

/** Each text is prepared once for each database that `current` answers. */
export function queriesOn(current: () => DatabaseSync): Queries {
  let prepared = new Map<string, StatementSync>()
  let preparedOn: DatabaseSync | null = null
  const statement = (sql: string): StatementSync => {
    const db = current()
    if (db !== preparedOn) prepared = new Map()
    preparedOn = db
    const known = prepared.get(sql) ?? db.prepare(sql)
    prepared.set(sql, known)
    return known
  }
  return {
    run: (sql, ...values) => void statement(sql).run(...values),
    one: (sql, ...values) => statement(sql).get(...values),
    all: (sql, ...values) => statement(sql).all(...values),
  }
}
