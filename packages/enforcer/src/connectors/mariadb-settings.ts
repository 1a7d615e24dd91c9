import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'mysql2/promise'
import { BadSettings, isCount, isText, perhaps, strictFields } from '../strict-fields.ts'
import { isLoopback } from './loopback.ts'
import type { ConnectorSettings } from './registry.ts'
import {
  isSecretReference,
  placeOf,
  readSecret,
  type SecretReference,
} from './secret-reference.ts'

export type MariadbSettings = Readonly<{
  target: string
  /** The `mariadb://halligan_connector:...` URL, read anew for every session, so that a rotated one is taken up. */
  url: SecretReference
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string
  /** How people reach the target, where it differs from how the enforcer does. */
  reach?: Readonly<{ host: string; port: number }>
  /** Sessions one grant may have at a time; 5 by default. */
  connectionLimit?: number
  /** Shared and sealed accounts that `account:NAME` checks out; root lists them in `halligan.shared_account` as well. */
  accounts?: readonly string[]
  /** Where session evidence is read from, if anywhere. */
  evidence?: 'general_log'
  /** Allows roles which can outlive any ending (PROTOCOL 8). */
  unendable?: boolean
}>

/** The account that the procedures of `sql/mariadb.sql` obey. */
export const connectorAccount = 'halligan_connector'

const isAccount = (value: unknown): boolean =>
  typeof value === 'string' &&
  /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(value) &&
  !/^(hg_|halligan_)/.test(value)

const isAccounts = (value: unknown): boolean =>
  Array.isArray(value) && value.every(isAccount) && new Set(value).size === value.length

const isReach = (value: unknown): boolean =>
  strictFields('mariadb connector.reach', value, { host: isText, port: isCount(1) }) ===
  value

const fields: Readonly<Record<keyof MariadbSettings, (value: unknown) => boolean>> = {
  target: isText,
  url: isSecretReference,
  caFile: perhaps(isText),
  reach: perhaps(isReach),
  connectionLimit: perhaps(isCount(1)),
  accounts: perhaps(isAccounts),
  evidence: perhaps((value) => value === 'general_log'),
  unendable: perhaps((value) => typeof value === 'boolean'),
}

/** Throws and names the field when `settings` are not such. Reads no credential and reaches nothing. */
export function mariadbSettings({
  kind: _,
  ...settings
}: ConnectorSettings): MariadbSettings {
  strictFields('mariadb connector', settings, fields)
  // Every field was just checked by its own predicate.
  return settings as MariadbSettings
}

/** What its text may hold is a password, so that it is never quoted. */
function readUrl(reference: SecretReference): URL {
  const url = URL.parse(readSecret(reference))
  if (url === null || !/^(mariadb|mysql):$/.test(url.protocol) || url.hostname === '')
    throw new BadSettings(`${placeOf(reference)} holds no mariadb:// URL`)
  if (decodeURIComponent(url.username) !== connectorAccount)
    throw new BadSettings(`${placeOf(reference)} is not for ${connectorAccount}`)
  return url
}

export const millisToConnect = 5_000

/** How to log in at the target, as the connector or as anybody whose password is known. */
export type Login = Readonly<{ user: string; password: string }>

/**
 * Always TLS against the name of the host, except on loopback (EN-25); what the URL asks of TLS is not read, for it could only
 * weaken it. The driver checks the certificate of an IP address against `localhost`, so that a name is demanded.
 */
export function clientConfig(settings: MariadbSettings, login?: Login): ConnectionOptions {
  const url = readUrl(settings.url)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!isLoopback(host) && isIP(host) !== 0)
    throw new BadSettings(
      `${settings.target} needs the name that its certificate is for, not ${host}`,
    )
  const ca =
    settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }
  const tls = { ...ca, rejectUnauthorized: true, verifyIdentity: true }
  return {
    host,
    port: Number(url.port || 3306),
    user: login?.user ?? decodeURIComponent(url.username),
    password: login?.password ?? decodeURIComponent(url.password),
    ...(isLoopback(host) ? {} : { ssl: tls }),
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    // A server could otherwise ask for any file of this host.
    flags: ['-LOCAL_FILES'],
    connectTimeout: millisToConnect,
    enableKeepAlive: true,
    keepAliveInitialDelay: 10_000,
  }
}
