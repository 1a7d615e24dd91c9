/**
 * Snapshots as rows of what stands at a target: equal states give equal text, and two texts give what changed between them.
 *
 * @module
 */
import type { Difference, Snapshot } from './port.ts'

/** Kind and object name a thing, mostly one; the detail is what may change about it. */
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
  for (const [name, rows] of current) {
    const before = old.get(name) ?? []
    let changed = without(before, rows).length
    for (const row of without(rows, before)) add(changed-- > 0 ? 'changed' : 'added', row)
  }
  for (const [name, rows] of old) {
    const after = current.get(name) ?? []
    const added = without(after, rows).length
    for (const row of without(rows, after).slice(added)) add('removed', row)
  }
  return found
}

const isIncomplete = ([kind]: Row): boolean => kind === incomplete

const plainly = ([, object, detail]: Row): string =>
  detail === '' ? object : `${object} (${detail})`

function rowsOf(snapshot: Snapshot): readonly Row[] {
  const lines: readonly string[] = JSON.parse(snapshot)
  return lines.map((line) => JSON.parse(line) as Row)
}

/** One name may have several rows: a host takes the first of two accounts of one name, and a snapshot shows both. */
const byName = (
  snapshot: Snapshot,
  isKnown: (row: Row) => boolean,
): ReadonlyMap<string, readonly Row[]> =>
  Map.groupBy(
    rowsOf(snapshot).filter((row) => !isIncomplete(row) && isKnown(row)),
    (row) => JSON.stringify(row.slice(0, 2)),
  )

const without = (rows: readonly Row[], others: readonly Row[]): readonly Row[] =>
  rows.filter(([, , detail]) => others.every((other) => other[2] !== detail))
