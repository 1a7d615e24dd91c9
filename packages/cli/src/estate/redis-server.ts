/**
 * A real Redis of Debian's packages for the drill and the heavy tests, in one folder, on a free loopback port, with a file for
 * its users and an append-only file for its data.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

export type RedisServer = Readonly<{
  port: number
  /** As `root`, who may do everything; holds the password. */
  rootUrl: string
  /** As the connector, with exactly what docs/connectors/redis.md gives it. */
  connectorUrl: string
  usersFile: string
  /** As a power cut: SIGKILL. */
  kill(): Promise<void>
  /** Starts it again on the same port and data, stopping it first if it runs. */
  restart(): Promise<void>
  remove(): Promise<void>
}>

export type RedisOptions = Readonly<{
  dir: string
  /** Further lines of `users.acl`. */
  users?: readonly string[]
  /** Further lines of `redis.conf`. */
  settings?: readonly string[]
}>

/** The connector's rules, as the documentation gives them. */
export const connectorRules = [
  '~halligan:lock:*',
  '+get +set +del +watch +unwatch +multi +exec +time +auth',
  '+acl|setuser +acl|deluser +acl|getuser +acl|users +acl|list +acl|save +acl|whoami',
  '+client|list +client|kill +client|id +client|setname',
  '+function|list +function|kill +script|kill +module|list +config|get +info',
] as const

const millisToStart = 20_000

/** Resolves once it accepts connections. Throws with the end of its log when it cannot start. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { dir, users = [], settings = [] } = options
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const usersFile = join(dir, 'users.acl')
  const [root, connector] = [0, 1].map(() => randomBytes(24).toString('base64url'))
  const lines = [
    'user default off',
    `user root on >${root} ~* &* +@all`,
    `user halligan_connector on >${connector} ${connectorRules.join(' ')}`,
    ...users,
  ]
  if (!existsSync(usersFile))
    await writeFile(usersFile, `${lines.join('\n')}\n`, { mode: 0o600 })
  const port = await freePort()
  const file = join(dir, 'redis.conf')
  const config = [
    ...['bind 127.0.0.1', `port ${port}`, `dir ${dir}`, `aclfile ${usersFile}`],
    ...['appendonly yes', 'appendfsync always', 'save ""', 'protected-mode yes'],
    ...[`logfile ${join(dir, 'redis.log')}`, 'daemonize no', ...settings],
  ]
  await writeFile(file, `${config.join('\n')}\n`, { mode: 0o600 })
  let child = await launch(dir, file, port)
  const kill = () => ended(child)
  const urlFor = (user: string, password = '') =>
    `redis://${user}:${password}@127.0.0.1:${port}`
  return {
    ...{ port, usersFile, kill },
    rootUrl: urlFor('root', root),
    connectorUrl: urlFor('halligan_connector', connector),
    restart: async () => {
      await kill()
      child = await launch(dir, file, port)
    },
    remove: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function launch(dir: string, file: string, port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', [file], { stdio: 'ignore' })
  const killed = () => child.kill('SIGKILL')
  process.once('exit', killed)
  child.once('exit', () => process.off('exit', killed)).once('error', () => undefined)
  const late = Date.now() + millisToStart
  while (!(await accepts(port))) {
    if (child.pid === undefined || child.exitCode !== null || Date.now() > late) {
      await ended(child)
      const log = await readFile(join(dir, 'redis.log'), 'utf8').catch(() => '')
      throw new Error(`Redis did not start: ${log.slice(-1000)}`)
    }
    await pause(20)
  }
  return child
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
    return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
