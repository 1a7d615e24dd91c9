/**
 * Snapshots as rows of what stands at a target: equal states give equal text, and two texts give what changed between them.
 *
 * @module
 */
import type { Difference, Snapshot } from './port.ts'

/** Kind and object name one thing; the detail is what may change about it. */
export type Row = readonly [kind: string, object: string, detail: string]

/** The kind of a row whose object names what could not be read whole. */
export const incomplete = 'incomplete'

export const snapshotOf = (rows: readonly Row[]): Snapshot =>
  JSON.stringify([...new Set(rows.map((row) => JSON.stringify(row)))].toSorted())

export type Comparing = Readonly<{
  /** A row's object and detail. */
  inWords(row: Row): string
  /** Whether the row belongs to what an `incomplete` row names, and is not compared. No grantee may have a say in it. */
  isOf(row: Row, unread: string): boolean
}>

/**
 * What was added, removed or changed between two snapshots, whoever did it. What either could not read whole is told as
 * `incomplete`, each time: it is not known to be unchanged.
 */
export function differenceOf(
  before: Snapshot,
  after: Snapshot,
  { inWords = plainly, isOf = () => false }: Partial<Comparing> = {},
): readonly Difference[] {
  const both = [...rowsOf(before), ...rowsOf(after)]
  const unread = new Map(both.filter(isIncomplete).map((row) => [row[1], row]))
  const isKnown = (row: Row) => [...unread.keys()].every((name) => !isOf(row, name))
  const [old, current] = [byName(before, isKnown), byName(after, isKnown)]
  const found: Difference[] = [...unread.values()].map((row) => ({
    what: incomplete,
    object: plainly(row),
  }))
  const add = (change: 'added' | 'removed' | 'changed', row: Row) =>
    found.push({ what: `${row[0]}_${change}`, object: inWords(row) })
  for (const [key, row] of current) {
    const was = old.get(key)
    if (was === undefined) add('added', row)
    else if (was[2] !== row[2]) add('changed', row)
  }
  for (const [key, row] of old) if (!current.has(key)) add('removed', row)
  return found
}

const isIncomplete = ([kind]: Row): boolean => kind === incomplete

const plainly = ([, object, detail]: Row): string =>
  detail === '' ? object : `${object} (${detail})`

function rowsOf(snapshot: Snapshot): readonly Row[] {
  const lines: readonly string[] = JSON.parse(snapshot)
  return lines.map((line) => JSON.parse(line) as Row)
}

const byName = (
  snapshot: Snapshot,
  isKnown: (row: Row) => boolean,
): ReadonlyMap<string, Row> =>
  new Map(
    rowsOf(snapshot)
      .filter((row) => !isIncomplete(row) && isKnown(row))
      .map((row) => [JSON.stringify(row.slice(0, 2)), row]),
  )
