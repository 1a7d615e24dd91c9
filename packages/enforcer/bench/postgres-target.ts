import type { PostgresLab } from '../test/postgres-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

/** The bare client: one superuser's connection, the connector's statements one after the other. */
export const postgresTarget = (lab: PostgresLab): BenchTarget => ({
  kind: 'postgres',
  target: lab.target,
  privileges: ['role:payments_repair'],
  connector: lab.connector(),
  bare: (n) =>
    lab.asSuperuser(async (db) => {
      const role = `bench_${n}`
      const start = performance.now()
      await db.query('begin')
      await db.query(`create role ${role} login inherit connection limit 5 password 'x'`)
      await db.query(`grant payments_repair to ${role}`)
      await db.query('commit')
      const open = performance.now()
      await db.query(`alter role ${role} nologin connection limit 0 password null`)
      await db.query(`revoke payments_repair from ${role}`)
      await db.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
        [role],
      )
      await db.query('select from pg_stat_activity where usename = $1', [role])
      const end = performance.now()
      await db.query(`drop role ${role}`)
      return { open: open - start, end: end - open }
    }),
})
