import { enforcerBooks } from '../test/enforcer-books.ts'
import type { RedisLab } from '../test/redis-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

const hash = `#${'a'.repeat(64)}`

/** The bare client: one connection of root, what changes users at the connector one command after the other. */
export const redisTarget = (lab: RedisLab): BenchTarget => ({
  kind: 'redis',
  target: lab.target,
  privileges: ['acl:carts_repair'],
  connector: lab.connector(enforcerBooks()),
  bare: (n) =>
    lab.asRoot(async (db) => {
      const user = `bench_${n}`
      await db.run('PING')
      const start = performance.now()
      const rules = ['~cart:*', '~stock:*', '-@all', '+ping', '+@read', '+@write']
      await db.run('ACL', 'SETUSER', user, 'reset', hash, ...rules)
      await db.run('ACL', 'SETUSER', user, 'on')
      await db.run('ACL', 'SAVE')
      const open = performance.now()
      await db.run('ACL', 'SETUSER', user, 'reset')
      await db.run('CLIENT', 'KILL', 'USER', user)
      await db.run('ACL', 'SAVE')
      await db.run('ACL', 'DELUSER', user)
      await db.run('ACL', 'SAVE')
      await db.run('CLIENT', 'LIST')
      return { open: open - start, end: performance.now() - open }
    }),
})
