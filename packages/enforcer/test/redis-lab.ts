/**
 * A real Redis with a connector at it, for the heavy tests and the benchmark.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { type RedisServer, startRedis } from '../../cli/src/estate/redis-server.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import { redisConnector } from '../src/connectors/redis.ts'
import type { Reply } from '../src/connectors/redis-session.ts'
import type { RedisSettings } from '../src/connectors/redis-settings.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { memoryPorts } from './connector-ports.ts'

/** One connection of somebody's; it is the caller's to end. */
export type RedisLogin = Readonly<{
  run(...words: readonly string[]): Promise<Reply>
  close(): void
}>

export type RedisLab = Readonly<{
  target: string
  server: RedisServer
  settings: RedisSettings
  connector(ports?: ConnectorPorts, more?: Partial<RedisSettings>): Connector
  /** Throws when Redis does not let it in. */
  login(credential: Credential): Promise<RedisLogin>
  asRoot(...words: readonly string[]): Promise<Reply>
  asOps(...words: readonly string[]): Promise<Reply>
  remove(): Promise<void>
}>

export const sharedUser = 'cache_emergency'

/** `ops` has a standing right to read; `cache_emergency` is a sealed account. */
export async function openRedisLab(): Promise<RedisLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const users = [
    'user ops on >ops ~cache:* +get +ping',
    `user ${sharedUser} on >safe ~cache:* +get +set +ping +subscribe &cache:*`,
  ]
  const server = await startRedis({ dir: join(dir, 'redis'), users })
  const file = join(dir, 'connector.url')
  await writeFile(file, server.connectorUrl, { mode: 0o600 })
  const target = 'cache'
  const settings: RedisSettings = {
    ...{ target, url: { file }, accounts: [sharedUser] },
    profiles: {
      cache_repair: {
        commands: [
          '+get',
          '+set',
          '+@connection',
          '+subscribe',
          '+multi',
          '+exec',
          '+blpop',
        ],
        keys: ['cache:*'],
        channels: ['cache:*'],
      },
      cache_admin: { commands: ['+@all'], keys: ['*'] },
    },
  }
  const as =
    (username: string, password: string) =>
    async (...words: readonly string[]) => {
      const one = await login(server.port, username, password)
      try {
        return await one.run(...words)
      } finally {
        one.close()
      }
    }
  const asRoot = as('root', new URL(server.rootUrl).password)
  await asRoot('SET', 'cache:greeting', 'hello')
  return {
    ...{ target, server, settings, asRoot, asOps: as('ops', 'ops') },
    connector: (ports = memoryPorts(), more = {}) =>
      redisConnector({ ...settings, ...more }, ports),
    login: ({ REDIS_USER = '', REDISCLI_AUTH = '' }) =>
      login(server.port, REDIS_USER, REDISCLI_AUTH),
    remove: async () => {
      await server.remove()
      await rm(dir, { recursive: true })
    },
  }
}

async function login(
  port: number,
  username: string,
  password: string,
): Promise<RedisLogin> {
  const socket = { host: '127.0.0.1', port, reconnectStrategy: false } as const
  const client = createClient({
    username,
    password,
    socket,
    RESP: 2,
    disableClientInfo: true,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    if (client.isOpen) client.destroy()
    throw error
  }
  return {
    run: async (...words) => (await client.sendCommand([...words])) as Reply,
    close: () => {
      if (client.isOpen) client.destroy()
    },
  }
}
