import { enforcerBooks } from '../test/enforcer-books.ts'
import type { RedisLab } from '../test/redis-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

/** The bare client: one connection of root, the commands one after the other. */
export const redisTarget = (lab: RedisLab): BenchTarget => ({
  kind: 'redis',
  target: lab.target,
  privileges: ['acl:carts_repair'],
  connector: lab.connector(enforcerBooks()),
  bare: (n) =>
    lab.asRoot(async (db) => {
      const user = `bench_${n}`
      const hash = `#${'0'.repeat(64)}`
      await db.run('PING')
      const start = performance.now()
      await db.run('ACL', 'SETUSER', user, 'reset', '+get', '~cart:*', hash, 'on')
      await db.run('ACL', 'SAVE')
      const open = performance.now()
      await db.run('ACL', 'SETUSER', user, 'off', 'resetpass')
      await db.run('CLIENT', 'LIST')
      await db.run('ACL', 'SAVE')
      await db.run('ACL', 'DELUSER', user)
      return { open: open - start, end: performance.now() - open }
    }),
})
