/**
 * Snapshots as rows of what stands at a target: equal states give equal text, and two texts give what changed between them.
 *
 * @module
 */
import type { Difference, Snapshot } from './port.ts'

/** Kind and object name one thing; the detail is what may change about it. */
export type Row = readonly [kind: string, object: string, detail: string]

export const snapshotOf = (rows: readonly Row[]): Snapshot =>
  JSON.stringify(rows.map((row) => JSON.stringify(row)).toSorted())

/** What was added, removed or changed between two snapshots, whoever did it. `objectOf` puts a row into words. */
export function differenceOf(
  before: Snapshot,
  after: Snapshot,
  objectOf: (row: Row) => string = inWords,
): readonly Difference[] {
  const [old, current] = [rowsByName(before), rowsByName(after)]
  const found: Difference[] = []
  const add = (change: 'added' | 'removed' | 'changed', row: Row) =>
    found.push({ what: `${row[0]}_${change}`, object: objectOf(row) })
  for (const [key, row] of current) {
    const was = old.get(key)
    if (was === undefined) add('added', row)
    else if (was[2] !== row[2]) add('changed', row)
  }
  for (const [key, row] of old) if (!current.has(key)) add('removed', row)
  return found
}

const inWords = ([, object, detail]: Row): string =>
  detail === '' ? object : `${object} (${detail})`

export function rowsOf(snapshot: Snapshot): readonly Row[] {
  const lines: readonly string[] = JSON.parse(snapshot)
  return lines.map((line) => JSON.parse(line) as Row)
}

const rowsByName = (snapshot: Snapshot): ReadonlyMap<string, Row> =>
  new Map(rowsOf(snapshot).map((row) => [JSON.stringify(row.slice(0, 2)), row]))
