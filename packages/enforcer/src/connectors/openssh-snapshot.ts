import { askForLines } from './openssh-host.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'
import type { Difference, Snapshot } from './port.ts'

/** `[kind, object, detail]`, where the object begins with the name of the host. */
type Row = readonly [kind: string, object: string, detail: string]

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
    return result?.status === 'fulfilled' ? result.value : [['unread_host', name, '']]
  })
  return JSON.stringify([...new Set(rows.map((row) => JSON.stringify(row)))].toSorted())
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
  return lines.length > mostRows ? [...rows, ['unread_rows', host.name, '']] : rows
}

/** What was added, removed or changed, whoever did it: certificates leave nothing in any of these places. */
export function differenceOf(before: Snapshot, after: Snapshot): readonly Difference[] {
  const [old, current] = [parsed(before), parsed(after)]
  const found: Difference[] = []
  for (const [key, row] of current) {
    const was = old.get(key)
    if (was === undefined) found.push(described('added', row))
    else if (was[2] !== row[2]) found.push(described('changed', row))
  }
  for (const [key, row] of old) if (!current.has(key)) found.push(described('removed', row))
  return found
}

function parsed(snapshot: Snapshot): Map<string, Row> {
  const lines: readonly string[] = JSON.parse(snapshot)
  return new Map(
    lines.map((line) => {
      const row: Row = JSON.parse(line)
      return [JSON.stringify(row.slice(0, 2)), row]
    }),
  )
}

const described = (
  change: 'added' | 'removed' | 'changed',
  [kind, object, detail]: Row,
): Difference => ({
  what: `${kind}_${change}`,
  object: detail === '' ? object : `${object} (${detail})`,
})
