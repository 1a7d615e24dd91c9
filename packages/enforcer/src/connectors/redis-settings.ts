import { readFileSync } from 'node:fs'
import {
  BadSettings,
  isCount,
  isRecord,
  isText,
  isTexts,
  perhaps,
  strictFields,
} from '../strict-fields.ts'
import { isLoopback } from './loopback.ts'
import type { ConnectorSettings } from './registry.ts'
import {
  isSecretReference,
  placeOf,
  readSecret,
  type SecretReference,
} from './secret-reference.ts'

/** What `acl:NAME` stands for: rules of Redis's own ACL language, one an item. */
export type RedisProfile = Readonly<{
  /** `+get`, `+@read`, `-@write`, `+client|id`. */
  commands: readonly string[]
  /** Patterns of keys that may be read and written. */
  keys?: readonly string[]
  /** Patterns of keys that may only be read. */
  readKeys?: readonly string[]
  channels?: readonly string[]
}>

export type RedisSettings = Readonly<{
  target: string
  /** `redis://user:password@host:port`, or `rediss://`; read anew for every connection. */
  url: SecretReference
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string
  /** How people reach the target, where it differs from how the enforcer does. */
  reach?: Readonly<{ host: string; port: number }>
  profiles: Readonly<Record<string, RedisProfile>>
  /** Users that are there already, and that one person at a time may check out (`account:NAME`). */
  accounts?: readonly string[]
  /** Leaves out {@link neverConferred}: such access can outlive any ending. */
  unendable?: boolean
}>

/**
 * Stands after every profile. Administration makes other users; functions and scripts stay in the server, and one that runs
 * holds it; `migrate` and `restore` carry data away and bring it in.
 */
export const neverConferred = ['-@admin', '-@scripting', '-migrate', '-restore'] as const

const isCommand = (value: unknown): boolean =>
  isText(value) && /^[+-](@[a-z]+|[a-z][a-z0-9-]*(\|[a-z0-9-]+)?)$/.test(String(value))
/** Redis splits rules at white space; what cannot be seen is not to be trusted either. */
const isPattern = (value: unknown): boolean =>
  isText(value) && /^[\x21-\x7e]{1,256}$/.test(String(value))
const listOf = (fits: (value: unknown) => boolean) => (value: unknown) =>
  isTexts(value) && (value as readonly unknown[]).every(fits)
const isUser = (value: unknown): boolean =>
  isText(value) && /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(String(value))

/** Throws {@link BadSettings}. Reads no credential and reaches nothing. */
export function redisSettings({ kind: _, ...settings }: ConnectorSettings): RedisSettings {
  const read = strictFields('redis connector', settings, {
    target: isText,
    url: isSecretReference,
    caFile: perhaps(isText),
    reach: perhaps(
      (value) => isRecord(value) && isText(value.host) && isCount(1)(value.port),
    ),
    profiles: isRecord,
    accounts: perhaps(listOf(isUser)),
    unendable: perhaps((value) => typeof value === 'boolean'),
  })
  for (const [name, profile] of Object.entries(read.profiles as object)) {
    const where = `redis connector: profiles.${name}`
    if (!isUser(name)) throw new BadSettings(`${where}: no name of a privilege`)
    strictFields(where, profile, {
      commands: listOf(isCommand),
      keys: perhaps(listOf(isPattern)),
      readKeys: perhaps(listOf(isPattern)),
      channels: perhaps(listOf(isPattern)),
    })
  }
  return read as RedisSettings
}

const millisToConnect = 5_000

/** TLS with verification always, except on loopback. */
export function clientOptions(
  settings: RedisSettings,
  as?: Readonly<{ username: string; password: string }>,
) {
  const url = URL.parse(readSecret(settings.url))
  if (url === null || !/^rediss?:$/.test(url.protocol))
    throw new BadSettings(`${placeOf(settings.url)} holds no redis:// URL`)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const plain = { host, port: Number(url.port || 6379), connectTimeout: millisToConnect }
  const ca =
    settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }
  const isPlain = url.protocol === 'redis:' && isLoopback(host)
  return {
    username: as?.username ?? decodeURIComponent(url.username),
    password: as?.password ?? decodeURIComponent(url.password),
    RESP: 2 as const,
    disableOfflineQueue: true,
    disableClientInfo: true,
    socket: {
      ...plain,
      ...(isPlain
        ? {}
        : { tls: true as const, servername: host, rejectUnauthorized: true, ...ca }),
      // A connection that is lost is lost: whoever used it is told, and opens another.
      reconnectStrategy: false as const,
    },
  }
}
