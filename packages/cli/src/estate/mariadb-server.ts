/**
 * A real MariaDB of Debian's packages for the example estate, the drill and the heavy tests: all in one folder, on a free
 * loopback port. As root it runs as `nobody`, and where that user cannot reach the folder, its data is kept below the temporary
 * folder instead.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  freePort,
  type Running,
  type Switch,
  startServer,
  switchedOn,
} from './server-process.ts'

export type MariadbServer = Switch &
  Readonly<{
    port: number
    /** As root over the loopback; holds the password. */
    rootUrl: string
    logFile: string
    /** Where every statement is written, as MariaDB itself writes it. */
    generalLog: string
    /** Runs a file's text in the `mariadb` program as root; answers what it prints. */
    run(sql: string): Promise<string>
  }>

export type MariadbOptions = Readonly<{
  /** Holds the data; made when missing, reused when it already holds some. */
  dir: string
  /** Further options of mariadbd, by their long names. */
  settings?: Readonly<Record<string, string>>
}>

type Runner = Readonly<{ uid: number; gid: number }>
type Place = Readonly<
  Record<'root' | 'data' | 'secret' | 'init' | 'log' | 'general', string>
>

const nobody: Runner = { uid: 65534, gid: 65534 }
const millisToStart = 30_000
const millisToStop = 15_000

const settings = {
  'bind-address': '127.0.0.1',
  'skip-name-resolve': 'ON',
  'innodb-buffer-pool-size': '16M',
  'innodb-log-file-size': '8M',
  'max-connections': '100',
  'general-log': 'ON',
  'log-output': 'FILE,TABLE',
  'event-scheduler': 'ON',
}

/** Resolves once it accepts connections. Throws with the end of its log when it cannot start. */
export async function startMariadb(options: MariadbOptions): Promise<MariadbServer> {
  const runner = process.getuid?.() === 0 ? nobody : null
  const place = await placeFor(resolve(options.dir), runner)
  const password = await initialised(place, runner)
  const port = await freePort()
  const flags = Object.entries({
    datadir: place.data,
    socket: join(place.root, 'socket'),
    'pid-file': join(place.root, 'pid'),
    'init-file': place.init,
    'general-log-file': place.general,
    ...settings,
    ...options.settings,
    port: String(port),
  }).map(([name, value]) => `--${name}=${value}`)
  const launch = async () => {
    const running = start(place, flags, runner)
    try {
      await ready(running.child, place, port)
      return running
    } catch (error) {
      await running.end('SIGKILL')
      throw error
    }
  }
  const { power } = await switchedOn(launch, { folder: place.root, stopBy: 'SIGTERM' })

  return {
    port,
    rootUrl: `mariadb://root:${password}@127.0.0.1:${port}`,
    logFile: place.log,
    generalLog: place.general,
    run: (sql) => runSql({ port, password, sql }),
    ...power,
  }
}

/** Where the data of `dir` lives: in it, or in the temporary folder when `runner` cannot get there. */
async function placeFor(dir: string, runner: Runner | null): Promise<Place> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  let root = dir
  // A socket's path has at most 107 characters.
  if (runner !== null || dir.length > 90) {
    if ((runner !== null && !isReachable(dirname(dir))) || dir.length > 90) {
      const id = createHash('sha256').update(dir).digest('hex').slice(0, 16)
      root = join(tmpdir(), `halligan-mariadb-${id}`)
      const owner = runner?.uid ?? process.getuid?.()
      if (!existsSync(root)) await mkdir(root, { mode: 0o700 })
      else if (![owner, 0].includes(lstatSync(root).uid))
        throw new Error(`${root} belongs to someone else`)
    }
    if (runner !== null) await chown(root, runner.uid, runner.gid)
  }
  const at = (name: string) => join(root, name)
  return {
    ...{ root, data: at('data'), secret: at('root.secret'), init: at('init.sql') },
    ...{ log: at('mariadb.log'), general: at('general.log') },
  }
}

/** Whether any user may pass through every folder up to and including `path`. */
function isReachable(path: string): boolean {
  const open = (lstatSync(path).mode & 0o001) !== 0 || lstatSync(path).isSymbolicLink()
  return open && (path === '/' || isReachable(dirname(path)))
}

/** Makes the data when there is none; answers root's password. */
async function initialised(place: Place, runner: Runner | null): Promise<string> {
  if (existsSync(place.secret)) return (await readFile(place.secret, 'utf8')).trim()
  const password = randomBytes(24).toString('base64url')
  await rm(place.data, { recursive: true, force: true })
  const log = openSync(place.log, 'a')
  const child = spawn(
    'mariadb-install-db',
    [
      ...['--no-defaults', `--datadir=${place.data}`, '--skip-test-db'],
      ...['--skip-name-resolve', '--auth-root-authentication-method=normal'],
    ],
    {
      ...runner,
      // Our own temporary folder may be closed to whoever runs it.
      env: { ...environment(), TMPDIR: place.root },
      cwd: place.root,
      stdio: ['ignore', log, log],
    },
  )
  closeSync(log)
  const status = await new Promise<number | null>((done, fail) => {
    child.once('error', fail).once('exit', done)
  })
  if (status !== 0) throw new Error(`mariadb-install-db failed: ${endOfLog(place)}`)
  // Carried out at each start, before anybody may connect.
  const init = [
    `delete from mysql.global_priv where User = 'root' and Host not in ('localhost', '127.0.0.1')`,
    `flush privileges`,
    `alter user root@localhost identified by '${password}'`,
    `create user if not exists root@'127.0.0.1' identified by '${password}'`,
    `alter user root@'127.0.0.1' identified by '${password}'`,
    `grant all on *.* to root@'127.0.0.1' with grant option`,
  ]
  await writeFile(place.init, `${init.join(';\n')};\n`, { mode: 0o600 })
  await writeFile(place.secret, `${password}\n`, { mode: 0o600 })
  if (runner !== null)
    for (const file of [place.init, place.secret]) await chown(file, runner.uid, runner.gid)
  return password
}

/** Daemons live in folders that a user's path often lacks. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter),
})

const start = (place: Place, flags: readonly string[], runner: Runner | null): Running =>
  startServer({
    program: 'mariadbd',
    args: ['--no-defaults', ...flags],
    log: place.log,
    options: { ...runner, env: { ...environment(), TMPDIR: place.root }, cwd: place.root },
    millisToStop,
  })

async function ready(child: ChildProcess, place: Place, port: number): Promise<void> {
  const deadline = performance.now() + millisToStart
  while (!(await greets(port))) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`MariaDB did not start: ${endOfLog(place)}`)
    if (performance.now() > deadline)
      throw new Error(`MariaDB is not ready: ${endOfLog(place)}`)
    await pause(30)
  }
}

/** MariaDB speaks first. */
const greets = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1')
    const settle = (answer: boolean) => {
      socket.destroy()
      done(answer)
    }
    socket.once('data', () => settle(true)).once('error', () => settle(false))
    socket.once('close', () => settle(false)).setTimeout(2_000, () => settle(false))
  })

/** The password goes by the environment, which other users cannot read, as they can arguments. */
async function runSql(of: {
  port: number
  password: string
  sql: string
}): Promise<string> {
  const child = spawn(
    'mariadb',
    [
      ...['--no-defaults', '--protocol=tcp', '--host=127.0.0.1', `--port=${of.port}`],
      ...['--user=root', '--default-character-set=utf8mb4', '--batch'],
    ],
    { env: { ...environment(), MYSQL_PWD: of.password }, stdio: 'pipe' },
  )
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const status = new Promise<number | null>((done, fail) => {
    child.once('error', fail).once('close', done)
  })
  child.stdin.end(of.sql)
  if ((await status) !== 0) throw new Error(`mariadb: ${err.trim()}`)
  return out
}

const endOfLog = (place: Place): string =>
  existsSync(place.log)
    ? readFileSync(place.log, 'utf8').trim().split('\n').slice(-5).join(' | ')
    : 'no log'
