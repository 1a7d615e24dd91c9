/**
 * A real Redis of Debian's packages for the example estate, the drill and the heavy tests: all in one folder, on a free port. Its
 * users are kept in a file, so that they outlive a restart.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  freePort,
  type Running,
  type Switch,
  startServer,
  switchedOn,
} from './server-process.ts'

export type RedisServer = Switch &
  Readonly<{
    port: number
    /** As the user `root`, who may do everything; holds the password. */
    rootUrl: string
    /** As the connector, with exactly what docs/connectors/redis.md gives it. */
    connectorUrl: string
    logFile: string
    /** Its users, as `ACL SAVE` writes them. */
    usersFile: string
    /** Runs commands, one a line, in `redis-cli` as root; answers what it prints. Throws what one of them refuses. */
    run(...commands: readonly string[]): Promise<string>
  }>

export type RedisOptions = Readonly<{
  /** Holds the data; made when missing, reused when it already holds some. */
  dir: string
  /** Further lines of `users.acl`, where there is none yet. */
  users?: readonly string[]
  /** Further lines of `redis.conf`. */
  settings?: readonly string[]
  /** Speaks TLS and nothing else. */
  tls?: Readonly<{ certFile: string; keyFile: string }>
}>

/** The connector's rules, as the documentation gives them. */
export const connectorRules = [
  ...['resetkeys', '~halligan:*', 'resetchannels', '-@all'],
  ...['+acl|setuser', '+acl|getuser', '+acl|deluser', '+acl|list', '+acl|save'],
  ...['+acl|dryrun', '+acl|log', '+client|id', '+client|list', '+client|kill'],
  ...['+info', '+time', '+config|get', '+function|list', '+module|list'],
  ...['+script|kill', '+function|kill'],
  ...['+get', '+mget', '+set', '+del', '+pexpire', '+@transaction'],
] as const

const millisToStart = 30_000
const millisToStop = 10_000

/** Resolves once it accepts connections. Throws with the end of its log when it cannot start. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const dir = resolve(options.dir)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const at = (name: string) => join(dir, name)
  const [logFile, usersFile, configFile] = [
    at('redis.log'),
    at('users.acl'),
    at('redis.conf'),
  ]
  const secrets = await firstUsers(usersFile, at('secrets.json'), options.users ?? [])
  const port = await freePort()
  const config = [
    ...['bind 127.0.0.1', `dir ${dir}`, `logfile ${logFile}`, `aclfile ${usersFile}`],
    ...['appendonly yes', 'appendfsync everysec', 'save ""', 'protected-mode no'],
    ...portLines(port, options.tls),
    ...(options.settings ?? []),
  ]
  await writeFile(configFile, `${config.join('\n')}\n`, { mode: 0o600 })
  const launch = async () => {
    const before = await readyLines(logFile)
    const running = start(configFile)
    try {
      await ready(running.child, logFile, before)
      return running
    } catch (error) {
      await running.end('SIGKILL')
      throw error
    }
  }
  const { power } = await switchedOn(launch, { folder: dir, stopBy: 'SIGTERM' })

  const scheme = options.tls === undefined ? 'redis' : 'rediss'
  const urlOf = (user: string, password: string) =>
    `${scheme}://${user}:${password}@127.0.0.1:${port}`
  const { root, connector } = secrets
  return {
    ...{ port, logFile, usersFile },
    rootUrl: urlOf('root', root),
    connectorUrl: urlOf('halligan_connector', connector),
    run: (...commands) => runCommands({ port, password: root, tls: options.tls, commands }),
    ...power,
  }
}

const portLines = (port: number, tls: RedisOptions['tls']): readonly string[] =>
  tls === undefined
    ? [`port ${port}`]
    : [
        ...['port 0', `tls-port ${port}`, 'tls-auth-clients no'],
        ...[`tls-cert-file ${tls.certFile}`, `tls-key-file ${tls.keyFile}`],
      ]

type Secrets = Readonly<{ root: string; connector: string }>

/** Nobody comes in without a password; `root` and the connector with those that are answered. */
async function firstUsers(
  usersFile: string,
  secretsFile: string,
  others: readonly string[],
): Promise<Secrets> {
  if (existsSync(secretsFile)) return JSON.parse(await readFile(secretsFile, 'utf8'))
  const [root = '', connector = ''] = [0, 1].map(() =>
    randomBytes(24).toString('base64url'),
  )
  const lines = [
    'user default off',
    `user root on >${root} ~* &* +@all`,
    `user halligan_connector on >${connector} ${connectorRules.join(' ')}`,
    ...others,
  ]
  await writeFile(usersFile, `${lines.join('\n')}\n`, { mode: 0o600 })
  await writeFile(secretsFile, JSON.stringify({ root, connector }), { mode: 0o600 })
  return { root, connector }
}

const start = (configFile: string): Running =>
  startServer({
    program: 'redis-server',
    args: [configFile],
    log: `${configFile}.out`,
    millisToStop,
  })

const logOf = async (logFile: string): Promise<string> =>
  existsSync(logFile) ? readFile(logFile, 'utf8') : ''

/** How often it has become ready, by its own log. */
const readyLines = async (logFile: string): Promise<number> =>
  (await logOf(logFile)).split('Ready to accept connections').length

async function ready(child: ChildProcess, logFile: string, before: number): Promise<void> {
  const deadline = performance.now() + millisToStart
  while ((await readyLines(logFile)) === before) {
    const end = async () => (await logOf(logFile)).trim().split('\n').slice(-5).join(' | ')
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`Redis did not start: ${await end()}`)
    if (performance.now() > deadline) throw new Error(`Redis is not ready: ${await end()}`)
    await pause(20)
  }
}

/** The password goes by the environment, which other users cannot read, as they can arguments. */
async function runCommands(of: {
  port: number
  password: string
  tls: RedisOptions['tls']
  commands: readonly string[]
}): Promise<string> {
  const tls =
    of.tls === undefined ? [] : ['--tls', '--cacert', of.tls.certFile, '--insecure']
  const child = spawn(
    'redis-cli',
    [
      '-h',
      '127.0.0.1',
      '-p',
      String(of.port),
      '--user',
      'root',
      '--no-auth-warning',
      ...tls,
    ],
    { env: { ...process.env, REDISCLI_AUTH: of.password }, stdio: 'pipe' },
  )
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      out += text
    })
  const status = new Promise<number | null>((done, fail) => {
    child.once('error', fail).once('close', done)
  })
  child.stdin.end(of.commands.map((command) => `${command}\n`).join(''))
  if ((await status) !== 0 || /^[A-Z]{3,} /m.test(out))
    throw new Error(`redis-cli: ${out.trim()}`)
  return out
}
