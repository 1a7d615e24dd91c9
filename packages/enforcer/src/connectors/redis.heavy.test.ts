import { afterAll, beforeAll } from 'vitest'
import { describeAt } from '../../test/real-server.ts'
import { openRedisLab, type RedisLab } from '../../test/redis-lab.ts'
import { describeConnector } from './connector.contract.ts'
import { userOf } from './redis-user.ts'

describeAt('Redis', () => {
  let lab: RedisLab
  beforeAll(async () => {
    lab = await openRedisLab()
  })
  afterAll(() => lab.remove())

  describeConnector('Redis', () => ({
    target: lab.target,
    privileges: ['acl:carts_repair', 'acl:carts_readonly'],
    connector: (lent) => lab.connector(lent),
    now: lab.now,
    enter: async (credential) => {
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
    },
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
})
