/**
 * The example estate's Redis with a connector at it, for the heavy tests and the benchmark. Only those import the estate; the
 * enforcer itself knows nothing of the command line.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import { RedisClient } from '@redis/client'
import {
  type RedisOptions,
  type RedisServer,
  startRedis,
} from '../../cli/src/estate/redis-server.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import { redisConnector } from '../src/connectors/redis.ts'
import type { RedisSettings } from '../src/connectors/redis-settings.ts'
import type { Vault } from '../src/store/port.ts'
import { openVault } from '../src/store/vault.ts'
import { enforcerBooks, type Lent } from './enforcer-books.ts'

/** Somebody's connection. Nothing is queued or connected again. */
export type RedisDb = Readonly<{
  /** Rejects with what Redis refuses, and when the connection is gone. */
  run(...command: readonly string[]): Promise<unknown>
  /** What was published to it since. */
  heard: readonly string[]
  subscribe(channel: string): Promise<void>
  isOpen(): boolean
  leave(): void
}>

export type RedisLab = Readonly<{
  target: string
  server: RedisServer
  /** The file that holds the connector's URL, as `config.json` refers to it. */
  urlFile: string
  sharedAccount: string
  vault: Vault
  vaultFolder: string
  settings: RedisSettings
  /** A connector that is not open yet; with books of its own unless some are lent. */
  connector(lent?: Lent, settings?: Partial<RedisSettings>): Connector
  asRoot<T>(work: (db: RedisDb) => Promise<T>): Promise<T>
  /** As the connector's user, which a thief of its credential could be. */
  asConnector<T>(work: (db: RedisDb) => Promise<T>): Promise<T>
  /** As `ops`, who has a standing right to repair. */
  asOps<T>(work: (db: RedisDb) => Promise<T>): Promise<T>
  /** A session of the grantee; it is the caller's to leave. */
  login(credential: Credential): Promise<RedisDb>
  now(): Promise<Instant>
  remove(): Promise<void>
}>

const sharedAccount = 'carts_emergency'

/** `ops` has a standing right to repair. */
const users = [
  'user ops on >ops ~cart:* ~stock:* resetchannels -@all +@read +@write',
  `user ${sharedAccount} off resetkeys ~cart:* resetchannels -@all +@hash +ping`,
]

export const cartProfiles = {
  carts_readonly: { commands: ['+ping', '+@read'], readKeys: ['cart:*', 'stock:*'] },
  carts_repair: {
    commands: ['+ping', '+@read', '+@write', '+@transaction'],
    keys: ['cart:*', 'stock:*'],
  },
}

export async function openRedisLab(
  options: Omit<RedisOptions, 'dir'> = {},
): Promise<RedisLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const server = await startRedis({ dir: join(dir, 'redis'), users, ...options })
  await server.run(
    `hset cart:1001 customer "Harbour Bakery" items 3`,
    `hset cart:1002 customer "North Quay Cycles" items 48000`,
    'set stock:chain 17',
  )
  const urlFile = join(dir, 'connector.url')
  await writeFile(urlFile, `${server.connectorUrl}\n`, { mode: 0o600 })
  const vaultFolder = join(dir, 'vault')
  const vault = openVault(vaultFolder)
  const target = 'carts-redis'
  const settings = {
    target,
    url: { file: urlFile },
    profiles: cartProfiles,
    accounts: [sharedAccount],
  }
  const asRoot: RedisLab['asRoot'] = (work) => within(server.rootUrl, work)
  return {
    ...{ target, server, urlFile, sharedAccount, vault, vaultFolder, settings },
    connector: (lent = enforcerBooks(), more = {}) =>
      redisConnector({ ...settings, ...more }, { ...lent, vault }),
    asRoot,
    asConnector: async (work) => within((await readFile(urlFile, 'utf8')).trim(), work),
    asOps: (work) => within(`redis://ops:ops@127.0.0.1:${server.port}`, work),
    login,
    now: () =>
      asRoot(async (db) => {
        const [seconds, micros] = (await db.run('TIME')) as [string, string]
        return (Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)) as Instant
      }),
    remove: async () => {
      await server.remove()
      await rm(dir, { recursive: true })
    },
  }
}

const login = ({
  REDIS_HOST: host = '',
  REDIS_PORT: port = '',
  REDIS_USER: user = '',
  REDISCLI_AUTH: password = '',
}: Credential): Promise<RedisDb> => connected(`redis://${user}:${password}@${host}:${port}`)

const resp3 = { RESP: 3 } as const
const newClient = RedisClient.factory(resp3)

/** Connections that are ended under us are what is tested: not a failure of the process. */
async function connected(url: string): Promise<RedisDb> {
  const db = newClient({
    ...{ url, ...resp3, disableOfflineQueue: true, disableClientInfo: true },
    ...{ maintNotifications: 'disabled', socket: { reconnectStrategy: false } },
  })
  db.on('error', () => undefined)
  await db.connect()
  const heard: string[] = []
  return {
    heard,
    run: (...command) => db.sendCommand([...command]),
    subscribe: (channel) => db.subscribe(channel, (message) => void heard.push(message)),
    isOpen: () => db.isOpen,
    leave: () => {
      if (db.isOpen) db.destroy()
    },
  }
}

async function within<T>(url: string, work: (db: RedisDb) => Promise<T>): Promise<T> {
  const db = await connected(url)
  try {
    return await work(db)
  } finally {
    db.leave()
  }
}
