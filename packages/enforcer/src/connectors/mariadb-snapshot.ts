import { grantOf } from './mariadb-account.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'
import type { Snapshot } from './port.ts'
import { type Row, snapshotOf } from './snapshot-rows.ts'

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
  return snapshotOf(compared)
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

/** An account of a grant with no power of its own, or a plain role of one: what applying makes. */
function isTraceOfGrant([kind, object, detail]: Row): boolean {
  const [, account = ''] = /^(?:.* to )?'(hg_[a-z2-7]+)'@'%'$/s.exec(object) ?? []
  if (grantOf(account) === null) return false
  if (kind === 'user') return /^\{"access": 0,/.test(detail) && detail.endsWith('}')
  return kind === 'role_mapping' && detail === ''
}
