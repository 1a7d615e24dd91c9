import { grantOf } from './mariadb-account.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'
import type { Difference, Snapshot } from './port.ts'

/** `[kind, object, detail]`, sorted: equal catalogs give equal text. */
type Row = readonly [kind: string, object: string, detail: string]

/**
 * Everything that `halligan.read_catalog` reads, and prepared transactions. Accounts of grants are left out as long as they
 * have no more than applying gives them: those have their own orders and receipts.
 */
export async function takeSnapshot(connect: Connect): Promise<Snapshot> {
  const rows = await onSession(connect, async (session) => [
    ...(await catalogRows(session)),
    ...(await preparedTransactions(session)),
  ])
  const compared = rows.filter((row) => !isTraceOfGrant(row))
  return JSON.stringify(compared.map((row) => JSON.stringify(row)).toSorted())
}

async function catalogRows(session: Session): Promise<Row[]> {
  const rows = await session.call<{ kind: string; object: string; detail: string | null }>(
    'read_catalog',
  )
  return rows.map(({ kind, object, detail }) => [kind, object, detail ?? ''])
}

/** MariaDB does not say whose they are, and lets anybody commit them. */
async function preparedTransactions(session: Session): Promise<Row[]> {
  const rows = await session.query<{ data: string }>(`xa recover format = 'SQL'`)
  return rows.map(({ data }) => ['prepared_transaction', data, ''])
}

/** What was added, removed or changed between two snapshots, whoever owns it. */
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
): Difference => ({ what: `${kind}_${change}`, object: `${object} (${detail})` })

/** An account of a grant with no power of its own, or a plain role of one: what applying makes. */
function isTraceOfGrant([kind, object, detail]: Row): boolean {
  const [, account = ''] = /^(?:.* to )?'(hg_[a-z2-7]+)'@'%'$/s.exec(object) ?? []
  if (grantOf(account) === null) return false
  if (kind === 'user') return /^\{"access": 0,/.test(detail) && detail.endsWith('}')
  return kind === 'role_mapping' && detail === ''
}
