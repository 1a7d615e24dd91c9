import type { RedisSettings } from '../src/connectors/redis-settings.ts'
import { accountGrantee } from './account-grantee.ts'
import { openRedisLab, type RedisDb } from './redis-lab.ts'

export const redisGrantee = (settings: Partial<RedisSettings> = {}) =>
  accountGrantee(
    openRedisLab,
    (lab, books) => lab.connector(books, settings),
    'acl:carts_repair',
  )

export const isAlive = (db: RedisDb): Promise<boolean> =>
  db.run('PING').then(
    () => true,
    () => false,
  )
