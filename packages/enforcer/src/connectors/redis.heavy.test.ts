import { afterAll, beforeAll } from 'vitest'
import type { GranteeSession } from '../../test/connector-case.ts'
import { describeAt } from '../../test/real-server.ts'
import { openRedisLab, type RedisLab } from '../../test/redis-lab.ts'
import { describeConnector } from './connector.contract.ts'
import type { Credential } from './port.ts'
import { userOf } from './redis-user.ts'
import { describeSharedAccount } from './shared-account.contract.ts'

describeAt('Redis', () => {
  let lab: RedisLab
  beforeAll(async () => {
    lab = await openRedisLab()
  })
  afterAll(() => lab.remove())

  const enter = async (credential: Credential): Promise<GranteeSession> => {
    const db = await lab.login(credential)
    await db.run('HGETALL', 'cart:1001')
    return {
      hasAccess: () =>
        db.run('HGETALL', 'cart:1001').then(
          () => true,
          () => false,
        ),
      leave: async () => db.leave(),
    }
  }

  describeConnector('Redis', () => ({
    target: lab.target,
    privileges: ['acl:carts_repair', 'acl:carts_readonly'],
    connector: (lent) => lab.connector(lent),
    now: lab.now,
    enter,
    standingRightWorks: () =>
      lab
        .asOps((db) => db.run('HSET', 'cart:1001', 'items', '3'))
        .then(
          () => true,
          () => false,
        ),
    goDown: () => lab.server.kill(),
    comeBack: () => lab.server.restart(),
    removeByHand: async (grant) => {
      await lab.asRoot((db) => db.run('ACL', 'DELUSER', userOf(grant)))
    },
    crash: async () => {
      await lab.asRoot((db) => db.run('CLIENT', 'KILL', 'USER', 'halligan_connector'))
    },
  }))

  describeSharedAccount('Redis', () => ({
    settings: { kind: 'redis', ...lab.settings },
    account: lab.sharedAccount,
    ownPrivilege: 'acl:carts_repair',
    now: lab.now,
    enter,
    credential: (secret) => ({
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(lab.server.port),
      REDIS_USER: lab.sharedAccount,
      REDISCLI_AUTH: secret,
    }),
    setByHand: async (secret) => {
      await lab.server.run(`acl setuser ${lab.sharedAccount} on >${secret} >another`)
    },
    plantWaysBack: async () => {
      await lab.server.run(`acl setuser ${lab.sharedAccount} >mine`)
      return ['mine']
    },
  }))
})
