import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { RedisClientOptions } from '@redis/client'
import { BadSettings, isCount, isText, perhaps, strictFields } from '../strict-fields.ts'
import { isLoopback } from './loopback.ts'
import { checkProfiles, type Profiles } from './redis-profile.ts'
import type { ConnectorSettings } from './registry.ts'
import {
  isSecretReference,
  placeOf,
  readSecret,
  type SecretReference,
} from './secret-reference.ts'

export type RedisSettings = Readonly<{
  target: string
  /** The `redis://USER:PASSWORD@HOST:PORT` URL, read anew for every session, so that a rotated one is taken up. */
  url: SecretReference
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string
  /** How people reach the target, where it differs from how the enforcer does. */
  reach?: Readonly<{ host: string; port: number }>
  /** What `acl:NAME` stands for. */
  profiles?: Profiles
  /** Shared and sealed accounts that `account:NAME` checks out. */
  accounts?: readonly string[]
  /** Allows profiles and accounts that can outlive any ending (PROTOCOL 8). */
  unendable?: boolean
}>

/** `default` is everybody who has not logged in. */
const isAccount = (value: unknown): boolean =>
  typeof value === 'string' &&
  /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(value) &&
  value !== 'default' &&
  !value.startsWith('halligan_')

const isAccounts = (value: unknown): boolean =>
  Array.isArray(value) && value.every(isAccount) && new Set(value).size === value.length

const isReach = (value: unknown): boolean =>
  strictFields('redis connector.reach', value, { host: isText, port: isCount(1) }) === value

const fields: Readonly<Record<keyof RedisSettings, (value: unknown) => boolean>> = {
  target: isText,
  url: isSecretReference,
  caFile: perhaps(isText),
  reach: perhaps(isReach),
  profiles: perhaps((value) => typeof value === 'object'),
  accounts: perhaps(isAccounts),
  unendable: perhaps((value) => typeof value === 'boolean'),
}

/** Throws {@link BadSettings} and names the field. Reads no credential and reaches nothing. */
export function redisSettings({ kind: _, ...settings }: ConnectorSettings): RedisSettings {
  const read = strictFields('redis connector', settings, fields)
  if (read.profiles !== undefined) checkProfiles(read.profiles, read.unendable === true)
  // Every field was just checked by its own predicate.
  return settings as RedisSettings
}

export const millisToConnect = 5_000

/** How to log in at the target, as the connector or as anybody whose password is known. */
export type Login = Readonly<{ user: string; password: string }>

/** What its text may hold is a password, so that it is never quoted. */
function readUrl({ url: reference }: RedisSettings): URL {
  const url = URL.parse(readSecret(reference))
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '')
    throw new BadSettings(`${placeOf(reference)} holds no redis:// URL`)
  if (url.username === '' || url.password === '')
    throw new BadSettings(`${placeOf(reference)} names no user, or no password`)
  return url
}

export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1')

const isTlsAt = (url: URL): boolean =>
  !isLoopback(hostOf(url)) || url.protocol === 'rediss:'

/** Where people find the target. */
export function reachOf(settings: RedisSettings) {
  const url = readUrl(settings)
  const { host, port } = settings.reach ?? {
    host: hostOf(url),
    port: Number(url.port || 6379),
  }
  return { host, port, isTls: isTlsAt(url) || !isLoopback(host) }
}

/** The name of the connector's own user. */
export const ownUser = (settings: RedisSettings): string =>
  decodeURIComponent(readUrl(settings).username)

/**
 * Always TLS against the name or address of the host, except on loopback (EN-25), whatever the scheme of the URL is; `rediss:`
 * asks for it there as well. A connection that is lost stays lost: each of ours is for one piece of work, or holds the lock.
 */
export function clientOptions(settings: RedisSettings, login?: Login): RedisClientOptions {
  const url = readUrl(settings)
  const [host, port] = [hostOf(url), Number(url.port || 6379)]
  const isTls = isTlsAt(url)
  const ca =
    settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }
  const name = isIP(host) === 0 ? { servername: host } : {}
  const common = {
    ...{ host, port, connectTimeout: millisToConnect, reconnectStrategy: false as const },
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
  }
  return {
    username: login?.user ?? decodeURIComponent(url.username),
    password: login?.password ?? decodeURIComponent(url.password),
    socket: isTls
      ? { ...common, tls: true, ...ca, ...name, rejectUnauthorized: true }
      : common,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  }
}
