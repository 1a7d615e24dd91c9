import type pg from 'pg'
import type { Snapshot } from './port.ts'
import { type CatalogQuery, clusterCatalog, databaseCatalog } from './postgres-catalog.ts'
import { logSetting } from './postgres-evidence.ts'
import { grantOf } from './postgres-role.ts'
import { type Connect, onSession } from './postgres-session.ts'
import { incomplete, type Row, snapshotOf } from './snapshot-rows.ts'

/**
 * The cluster, and every database that the connector may enter; each that it may not is named. Logins of grants are left
 * out as long as they have no more than applying gives them: those have their own orders and receipts, and ten thousand of
 * them must not stand in ten thousand snapshots.
 */
export async function takeSnapshot(
  connect: Connect,
  accounts: readonly string[] = [],
): Promise<Snapshot> {
  const { rows, databases } = await onSession(connect, async ({ db }) => ({
    rows: await readAll(db, clusterCatalog, ''),
    databases: await databasesOf(db),
  }))
  for (const { name, open } of databases)
    if (open)
      rows.push(
        ...(await onSession(
          connect,
          ({ db }) => readAll(db, databaseCatalog, `${name}: `),
          name,
        )),
      )
    else rows.push([incomplete, name, 'the connector may not connect'])
  const compared = rows
    .filter((row) => !isTraceOfGrant(row) && !isLogOf(row, accounts))
    .map((row) => withoutCheckOut(row, accounts))
  return snapshotOf(compared)
}

async function databasesOf(db: pg.Client): Promise<{ name: string; open: boolean }[]> {
  const { rows } = await db.query<{ name: string; open: boolean }>(
    `select datname as name, has_database_privilege(oid, 'connect') as open
     from pg_database where datallowconn order by 1`,
  )
  return rows
}

async function readAll(
  db: pg.Client,
  catalog: readonly CatalogQuery[],
  prefix: string,
): Promise<Row[]> {
  const all: Row[] = []
  for (const { kind, sql } of catalog) {
    const { rows } = await db.query<{ object: string; detail: string | null }>(sql)
    for (const { object, detail } of rows) all.push([kind, prefix + object, detail ?? ''])
  }
  return all
}

/** A login of a grant with no power of its own, or a plain membership of one: what applying makes. */
function isTraceOfGrant([kind, object, detail]: Row): boolean {
  if (kind === 'setting')
    return (
      detail === logSetting && grantOf(object.replace(/ in every database$/, '')) !== null
    )
  if (kind === 'role') return grantOf(object) !== null && !/[A-Z]{4}/.test(detail)
  if (kind !== 'membership') return false
  const [, group = '', member = ''] = /^(\S+) to (\S+) by \S+$/.exec(object) ?? []
  if (grantOf(group) !== null) return detail === 'ADMIN inherit=false set=false'
  return grantOf(member) !== null && !detail.includes('ADMIN')
}

/** Whether a shared account may log in, until when, and that it logs, changes with every check-out; its receipts tell. */
const withoutCheckOut = ([kind, object, detail]: Row, accounts: readonly string[]): Row =>
  kind === 'role' && accounts.includes(object)
    ? [kind, object, detail.replace(/\b(no)?login\b| until=.*$/g, '')]
    : [kind, object, detail]

const isLogOf = ([kind, object, detail]: Row, accounts: readonly string[]): boolean =>
  kind === 'setting' &&
  detail === logSetting &&
  accounts.some((account) => object === `${account} in every database`)
