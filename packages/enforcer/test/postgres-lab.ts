/**
 * The example estate's PostgreSQL with a connector at it, for the heavy tests and the benchmark. Only those import
 * the estate; the enforcer itself knows nothing of the command line.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import pg from 'pg'
import { createPayments } from '../../cli/src/estate/payments.ts'
import { type PostgresServer, startPostgres } from '../../cli/src/estate/postgres-server.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import { postgresConnector } from '../src/connectors/postgres.ts'
import type { PostgresSettings } from '../src/connectors/postgres-settings.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { memoryPorts } from './connector-ports.ts'

export type PostgresLab = Readonly<{
  target: string
  server: PostgresServer
  /** The file that holds the connector's URL, as `config.json` refers to it. */
  urlFile: string
  settings: PostgresSettings
  /** A connector that is not open yet; what it is lent is its own unless given. */
  connector(settings?: Partial<PostgresSettings>, ports?: ConnectorPorts): Connector
  /** A login that can repair, with a password `from the safe` that the connector may set. */
  makeAccount(name: string): Promise<void>
  asSuperuser<T>(work: (db: pg.Client) => Promise<T>): Promise<T>
  /** As the connector's role, which a thief of its credential could be. */
  asConnector<T>(work: (db: pg.Client) => Promise<T>): Promise<T>
  asOps<T>(work: (db: pg.Client) => Promise<T>): Promise<T>
  /** A session of the grantee; it is the caller's to end. */
  login(credential: Credential): Promise<pg.Client>
  now(): Promise<Instant>
  log(): Promise<string>
  remove(): Promise<void>
}>

const debian = '/usr/lib/postgresql/15/bin'

/** The npm package's PostgreSQL, and Debian's where it is installed: CREATEROLE changed in 16. */
export const installations: readonly Readonly<{ name: string; binaries: string | null }>[] =
  [
    { name: 'PostgreSQL 18', binaries: null },
    ...(existsSync(debian) ? [{ name: 'PostgreSQL 15', binaries: debian }] : []),
  ]

/** `ops` is a login with a standing right to repair. Statements are logged, unless other settings are given. */
export async function openPostgresLab(
  binaries: string | null,
  settings: Readonly<Record<string, string>> = { log_statement: 'all' },
): Promise<PostgresLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const server = await startPostgres({
    dir: join(dir, 'postgres'),
    settings,
    ...(binaries === null ? {} : { binaries }),
  })
  const payments = await createPayments(server.superuserUrl)
  const urlFile = join(dir, 'connector.url')
  await writeFile(urlFile, `${payments.connectorUrl}\n`, { mode: 0o600 })
  const opsUrl = new URL(payments.superuserUrl)
  opsUrl.username = opsUrl.password = 'ops'
  await within(payments.superuserUrl, (db) =>
    db.query(`create role ops login password 'ops' in role payments_repair`),
  )
  const target = 'payments-pg'
  const own = { target, url: { file: urlFile } }
  const asSuperuser: PostgresLab['asSuperuser'] = (work) =>
    within(payments.superuserUrl, work)
  return {
    ...{ target, server, urlFile, settings: own },
    connector: (settings = {}, ports = memoryPorts()) =>
      postgresConnector({ ...own, ...settings }, ports),
    makeAccount: (name) => asSuperuser((db) => makeAccount(db, name)),
    asSuperuser,
    asConnector: async (work) => within((await readFile(urlFile, 'utf8')).trim(), work),
    asOps: (work) => within(opsUrl.href, work),
    login,
    now: () =>
      within(payments.superuserUrl, async (db) => {
        const { rows } = await db.query<{ now: Date }>('select clock_timestamp() as now')
        return (rows[0]?.now.getTime() ?? Number.NaN) as Instant
      }),
    log: () => readFile(server.logFile, 'utf8'),
    remove: async () => {
      await server.remove()
      await rm(dir, { recursive: true })
    },
  }
}

async function makeAccount(db: pg.Client, name: string): Promise<void> {
  await db.query(`create role ${name} login password 'from the safe'
    connection limit 7 in role payments_repair`)
  const { rows } = await db.query('show server_version_num')
  const isBefore16 = Number(rows[0]?.server_version_num) < 160000
  const admin = isBefore16 ? 'admin option' : 'admin true, inherit false, set false'
  await db.query(`grant ${name} to halligan_connector with ${admin}`)
}

/** Idle connections that are ended under us are what is tested: not a failure of the process. */
async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  const db = new pg.Client(config)
  db.on('error', () => undefined)
  await db.connect()
  return db
}

const login = ({
  PGHOST: host = '',
  PGPORT: port,
  PGDATABASE: database = '',
  PGUSER: user = '',
  PGPASSWORD: password = '',
}: Credential): Promise<pg.Client> =>
  connected({ host, port: Number(port), database, user, password })

async function within<T>(url: string, work: (db: pg.Client) => Promise<T>): Promise<T> {
  const db = await connected({ connectionString: url })
  try {
    return await work(db)
  } finally {
    await db.end()
  }
}
