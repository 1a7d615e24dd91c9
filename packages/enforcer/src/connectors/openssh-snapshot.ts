import { askForLines } from './openssh-host.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'
import type { Difference, Snapshot } from './port.ts'
import {
  differenceOf as differenceOfRows,
  incomplete,
  type Row,
  snapshotOf,
} from './snapshot-rows.ts'

const millisToRead = 25_000
const mostRows = 20_000

/**
 * Who may come in, who may become root and what runs by itself, at every host: a host that is away is named. Throws when none
 * can be read.
 */
export async function takeSnapshot(settings: OpensshSettings): Promise<Snapshot> {
  const read = await Promise.allSettled(
    settings.hosts.map((host) => rowsOf(settings, host)),
  )
  const [failure] = read.filter((result) => result.status === 'rejected')
  if (failure !== undefined && read.every(({ status }) => status === 'rejected'))
    throw failure.reason
  const rows = settings.hosts.flatMap(({ name }, index): readonly Row[] => {
    const result = read[index]
    return result?.status === 'fulfilled'
      ? result.value
      : [[incomplete, name, 'it cannot be read']]
  })
  return snapshotOf(rows)
}

async function rowsOf(
  settings: OpensshSettings,
  host: OpensshHost,
): Promise<readonly Row[]> {
  const lines = await askForLines(settings, host, ['snapshot'], '', millisToRead)
  const rows = lines.slice(0, mostRows).map((line): Row => {
    const [kind = '', object = '', ...detail] = line.split('\t')
    return [kind, `${host.name}: ${object}`, detail.join(' ')]
  })
  return lines.length > mostRows
    ? [...rows, [incomplete, `${host.name} after ${mostRows} rows`, '']]
    : rows
}

/** Every object begins with the name of its host; one that was away is not compared. */
export const differenceOf = (before: Snapshot, after: Snapshot): readonly Difference[] =>
  differenceOfRows(before, after, {
    isOf: ([, object], unread) => object.startsWith(`${unread}: `),
  })
