import type { PostgresLab } from '../../packages/enforcer/test/postgres-lab.ts'

/**
 * What PostgreSQL itself takes to end a login by hand, in milliseconds each: no more logins, its sessions ended, the
 * role gone, one statement after the other on an open connection.
 */
export const bareEnds = (lab: PostgresLab, count: number): Promise<readonly number[]> =>
  lab.asSuperuser(async (db) => {
    const millis: number[] = []
    for (let n = 0; n < count; n++) {
      const role = `bench_${n}`
      await db.query(`create role ${role} login in role payments_repair`)
      const start = performance.now()
      await db.query(`alter role ${role} nologin`)
      await db.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
        [role],
      )
      await db.query(`drop role ${role}`)
      millis.push(performance.now() - start)
    }
    return millis
  })
