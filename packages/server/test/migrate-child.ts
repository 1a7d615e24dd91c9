/**
 * A process that dies while it migrates the file in argv[2]: when SQLite compiles action number argv[3] of the shipped
 * migrations. With number 0 it lives, and says how many actions there are.
 */
import { openDatabase } from '../src/store/database.ts'
import { migrate } from '../src/store/migrate.ts'

const [path, last] = process.argv.slice(2)
if (path === undefined || last === undefined)
  throw new Error('usage: migrate-child FILE ACTION')

const db = openDatabase(path)
let actions = 0
db.setAuthorizer(() => {
  if (++actions === Number(last)) process.kill(process.pid, 'SIGKILL')
  return 0
})
migrate(db)
process.stdout.write(`${actions}\n`)
