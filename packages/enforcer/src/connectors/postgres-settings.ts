import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { isLoopback } from './loopback.ts'
import type { ConnectorSettings } from './registry.ts'
import {
  isSecretReference,
  placeOf,
  readSecret,
  type SecretReference,
} from './secret-reference.ts'

export type PostgresSettings = Readonly<{
  target: string
  /** The connector role's `postgres://` URL, read anew for every session, so that a rotated one is taken up. */
  url: SecretReference
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string
  /** How people reach the target, where it differs from how the enforcer does. */
  reach?: Readonly<{ host: string; port: number }>
  /** Sessions one grant may have at a time; 5 by default. */
  connectionLimit?: number
  /** A role that inherits what a grantee leaves behind, so that its login can be dropped. */
  orphanOwner?: string
  /** Logins that are there already, and that one person at a time may check out (`account:NAME`). Their secrets are in the vault. */
  accounts?: readonly string[]
  /** Where the server's log is as JSON, to show what was done; then logins of grants log all their statements. */
  evidence?: Readonly<{ logFolder: string }>
  /** Allows roles which can outlive any ending, such as superusers (PROTOCOL 8). */
  unendable?: boolean
}>

const fields: Readonly<Record<keyof PostgresSettings, (value: unknown) => boolean>> = {
  target: isText,
  url: isSecretReference,
  caFile: isText,
  reach: (value) => isRecord(value) && isText(value.host) && isCount(value.port),
  connectionLimit: isCount,
  orphanOwner: isIdentifier,
  accounts: (value) => Array.isArray(value) && value.every(isIdentifier),
  evidence: (value) =>
    isRecord(value) && Object.keys(value).length === 1 && isText(value.logFolder),
  unendable: (value) => typeof value === 'boolean',
}

/** Throws and names the field when `settings` are not such. Reads no credential and reaches nothing. */
export function postgresSettings({
  kind: _,
  ...settings
}: ConnectorSettings): PostgresSettings {
  for (const name of Object.keys(settings))
    if (!Object.hasOwn(fields, name))
      throw new Error(`postgres connector: unknown setting ${name}`)
  for (const [name, isValid] of Object.entries(fields)) {
    const required = name === 'target' || name === 'url'
    const value = settings[name]
    if (value === undefined ? required : !isValid(value))
      throw new Error(
        `postgres connector: ${name} is ${value === undefined ? 'missing' : 'malformed'}`,
      )
  }
  // Every field was just checked by its own predicate.
  return settings as PostgresSettings
}

/** NAMEDATALEN less its end. PostgreSQL cuts off what is longer, and means another role then. */
const bytesOfName = 63

export function isIdentifier(value: unknown): value is string {
  return isText(value) && !value.includes('\0') && Buffer.byteLength(value) <= bytesOfName
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export function readUrl(reference: SecretReference): URL {
  const url = URL.parse(readSecret(reference))
  // The text may hold a password, so that it is never quoted.
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw new Error(`${placeOf(reference)} holds no postgres:// URL`)
  return url
}

const millisToConnect = 5_000
const millisToAnswer = 15_000

/**
 * A grantee may own schemas and set defaults of its database: nothing is looked up outside the catalog.
 * Locks are waited for briefly, because a grantee may hold them (EN-14). A dead peer is noticed in 25 s.
 */
const sessionOptions = Object.entries({
  search_path: 'pg_catalog,pg_temp',
  role: 'none',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read\\ committed',
  lock_timeout: '1s',
  statement_timeout: '10s',
  idle_in_transaction_session_timeout: '10s',
  idle_session_timeout: '0',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
})
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ')

/** `verify-full` always, except on loopback; what the URL asks of TLS is not read, for it could only weaken it. */
export function clientConfig(settings: PostgresSettings): pg.ClientConfig {
  const url = readUrl(settings.url)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const ca =
    settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }
  return {
    host,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: isLoopback(host) ? false : { ...ca, rejectUnauthorized: true },
    enableChannelBinding: !isLoopback(host),
    application_name: 'halligan-enforcer',
    options: sessionOptions,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: millisToConnect,
    query_timeout: millisToAnswer,
  }
}
