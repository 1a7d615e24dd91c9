/**
 * A process that only runs the daemon on the books in a folder, before a real PostgreSQL and with nobody to talk to: what
 * its memory is, somebody else looks at. `node held-enforcer.ts FOLDER URL_FILE`.
 *
 * @module
 */
import { postgresConnector } from '../src/connectors/postgres.ts'
import { startDaemon, usualDaemonPace } from '../src/daemon.ts'
import { memoryPorts } from '../test/connector-ports.ts'
import { postgresSite } from '../test/postgres-site.ts'

const [dir = '', urlFile = ''] = process.argv.slice(2)
const target = 'payments-pg'
const connector = postgresConnector({ target, url: { file: urlFile } }, memoryPorts())
const { site } = postgresSite(dir, target, connector)
await startDaemon(site, { ...usualDaemonPace, driftMillis: 3_600_000 }, (error) => {
  throw error
})
process.stdout.write(`ready ${site.books.unfinished().length}\n`)
