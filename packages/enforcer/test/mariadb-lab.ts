/**
 * The example estate's MariaDB with a connector at it, for the heavy tests and the benchmark. Only those import the estate;
 * the enforcer itself knows nothing of the command line.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { createBilling } from '../../cli/src/estate/billing.ts'
import { type MariadbServer, startMariadb } from '../../cli/src/estate/mariadb-server.ts'
import { mariadbConnector } from '../src/connectors/mariadb.ts'
import type { MariadbSettings } from '../src/connectors/mariadb-settings.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { Vault } from '../src/store/port.ts'
import { openVault } from '../src/store/vault.ts'
import { enforcerBooks, type Lent } from './enforcer-books.ts'

export type MariadbLab = Readonly<{
  target: string
  server: MariadbServer
  /** The file that holds the connector's URL, as `config.json` refers to it. */
  urlFile: string
  /** What the file held at first. */
  connectorUrl: string
  sharedAccount: string
  vault: Vault
  vaultFolder: string
  settings: MariadbSettings
  /** A connector that is not open yet; with books of its own unless some are lent. */
  connector(lent?: Lent, settings?: Partial<MariadbSettings>): Connector
  asRoot<T>(work: (db: Connection) => Promise<T>): Promise<T>
  /** As the connector's account, which a thief of its credential could be. */
  asConnector<T>(work: (db: Connection) => Promise<T>): Promise<T>
  /** As `ops`, who has a standing right to repair. */
  asOps<T>(work: (db: Connection) => Promise<T>): Promise<T>
  /** As `mallory`, who has an account and no right. */
  asMallory<T>(work: (db: Connection) => Promise<T>): Promise<T>
  /** A session of the grantee; it is the caller's to end. */
  login(credential: Credential): Promise<Connection>
  now(): Promise<Instant>
  /** All statements as MariaDB logs them. */
  log(): Promise<string>
  remove(): Promise<void>
}>

export async function openMariadbLab(
  serverSettings: Readonly<Record<string, string>> = {},
): Promise<MariadbLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const server = await startMariadb({ dir: join(dir, 'mariadb'), settings: serverSettings })
  const { connectorUrl, sharedAccount } = await createBilling(server)
  const urlFile = join(dir, 'connector.url')
  await writeFile(urlFile, `${connectorUrl}\n`, { mode: 0o600 })
  await server.run(`create user ops@'%' identified by 'ops';
    grant billing_repair to ops@'%'; set default role billing_repair for ops@'%';
    create user mallory@'%' identified by 'mallory';`)
  const urlOf = (person: string) => {
    const url = new URL(connectorUrl)
    url.username = url.password = person
    return url.href
  }
  const vaultFolder = join(dir, 'vault')
  const vault = openVault(vaultFolder)
  const target = 'billing-db'
  const settings = { target, url: { file: urlFile }, accounts: [sharedAccount] }
  return {
    ...{ target, server, urlFile, sharedAccount, vault, vaultFolder, settings },
    connectorUrl,
    connector: (lent = enforcerBooks(), more = {}) =>
      mariadbConnector({ ...settings, ...more }, { ...lent, vault }),
    asRoot: (work) => within(server.rootUrl, work),
    asConnector: async (work) => within((await readFile(urlFile, 'utf8')).trim(), work),
    asOps: (work) => within(urlOf('ops'), work),
    asMallory: (work) => within(urlOf('mallory'), work),
    login,
    now: () =>
      within(server.rootUrl, async (db) => {
        const [row] = await rowsOf<{ now: number }>(
          db,
          'select floor(unix_timestamp(sysdate(3)) * 1000) as now',
        )
        return Number(row?.now) as Instant
      }),
    log: () => readFile(server.generalLog, 'utf8'),
    remove: async () => {
      await server.remove()
      await rm(dir, { recursive: true })
    },
  }
}

export async function rowsOf<T extends object>(db: Connection, sql: string): Promise<T[]> {
  const [rows] = await db.query<(T & RowDataPacket)[]>(sql)
  return rows
}

/** Idle connections that are ended under us are what is tested: not a failure of the process. */
async function connected(url: string): Promise<Connection> {
  const db = await createConnection({ uri: url, timezone: 'Z' })
  db.on('error', () => undefined)
  return db
}

const login = ({
  MYSQL_HOST: host = '',
  MYSQL_TCP_PORT: port = '',
  MYSQL_USER: user = '',
  MYSQL_PWD: password = '',
}: Credential): Promise<Connection> => {
  const url = new URL(`mariadb://${host}:${port}`)
  url.username = user
  url.password = password
  return connected(url.href)
}

async function within<T>(url: string, work: (db: Connection) => Promise<T>): Promise<T> {
  const db = await connected(url)
  try {
    return await work(db)
  } finally {
    await db.end()
  }
}
