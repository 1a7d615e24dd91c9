import { enforcerBooks } from '../test/enforcer-books.ts'
import type { MariadbLab } from '../test/mariadb-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

const hash = `'*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'`

/** The bare client: one connection of root, and what the procedures of the connector do, one statement after the other. */
export const mariadbTarget = (lab: MariadbLab): BenchTarget => ({
  kind: 'mariadb',
  target: lab.target,
  privileges: ['role:billing_repair'],
  connector: lab.connector(enforcerBooks()),
  bare: (n) =>
    lab.asRoot(async (db) => {
      const account = `bench_${n}@'%'`
      await db.query('select 1')
      const start = performance.now()
      await db.query(`create user ${account} identified via mysql_native_password using ${hash}
        with max_user_connections 5 account lock`)
      await db.query(`grant billing_repair to ${account}`)
      await db.query(`set default role billing_repair for ${account}`)
      await db.query(`alter user ${account} account unlock`)
      const open = performance.now()
      await db.query(`alter user ${account} account lock`)
      await db.query(`kill user ${account}`)
      await db.query(`drop user ${account}`)
      await db.query(
        `select ID from information_schema.processlist where USER = 'bench_${n}'`,
      )
      return { open: open - start, end: performance.now() - open }
    }),
})
