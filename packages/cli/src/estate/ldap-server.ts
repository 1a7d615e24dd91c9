/**
 * A real slapd of its own for the estate, the drill and the heavy tests: a configuration and a database in one folder, on
 * a free port of loopback. Nothing of the machine's own slapd is read or changed.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  freePort,
  type Running,
  type Switch,
  startServer,
  switchedOn,
} from './server-process.ts'

export type LdapServer = Switch &
  Readonly<{
    port: number
    /** `ldap://`, on loopback. */
    url: string
    suffix: string
    /** May do everything; what the estate is set up with. */
    rootDn: string
    rootPassword: string
    logFile: string
  }>

export type LdapOptions = Readonly<{
  /** Made when missing; reused with its data when it already holds a directory. */
  dir: string
  suffix?: string
  /** LDIF of the first content; read once, when the directory is made. */
  content: string
  /** Modules to load besides mdb and ppolicy, such as `memberof`. */
  modules?: readonly string[]
  /** Lines of slapd.conf before any database, such as TLS and limits. */
  global?: readonly string[]
  /** Lines of the main database: access rules, overlays, indexes. */
  database?: readonly string[]
  /** Lines of further databases, placed before the main one. */
  databases?: readonly string[]
  /** Further addresses to listen on, such as `ldaps://192.0.2.1:6360/`. */
  listeners?: readonly string[]
  /** A program and arguments that slapd is run by, such as `faketime`. */
  runBy?: readonly string[]
  port?: number
}>

const program = 'slapd'
const daemonPath = `${process.env.PATH}:/usr/sbin:/sbin:/usr/local/sbin`
const millisToStart = 30_000
const millisToStop = 10_000
const schemas = ['core', 'cosine', 'inetorgperson', 'nis']

/** Resolves once it answers. Throws with the end of its log when it cannot start. */
export async function startLdap(options: LdapOptions): Promise<LdapServer> {
  const root = resolve(options.dir)
  const suffix = options.suffix ?? 'dc=example,dc=org'
  const place: Place = {
    root,
    config: join(root, 'slapd.conf'),
    log: join(root, 'slapd.log'),
    secret: join(root, 'root.secret'),
  }
  const isNew = !existsSync(place.config)
  await mkdir(join(root, 'data'), { recursive: true, mode: 0o700 })
  const rootPassword = await rootSecret(place)
  const rootDn = `cn=root,${suffix}`
  const port = options.port ?? (await freePort())
  const url = `ldap://127.0.0.1:${port}`
  await writeFile(
    place.config,
    configOf(place, options, { suffix, rootDn, rootPassword }),
    {
      mode: 0o600,
    },
  )
  if (isNew) await load(place, suffix, options.content)

  const launch = async (): Promise<Running> => {
    const listeners = [`${url}/`, ...(options.listeners ?? [])].join(' ')
    const running = start(place, listeners, options.runBy ?? [])
    try {
      await answering(running, place, port)
      return running
    } catch (error) {
      await running.end('SIGKILL')
      throw error
    }
  }
  const { power } = await switchedOn(launch, { folder: root, stopBy: 'SIGINT' })
  return {
    port,
    url,
    suffix,
    rootDn,
    rootPassword,
    logFile: place.log,
    ...power,
  }
}

type Place = Readonly<{ root: string; config: string; log: string; secret: string }>
type Root = Readonly<{ suffix: string; rootDn: string; rootPassword: string }>

async function rootSecret({ secret }: Place): Promise<string> {
  if (!existsSync(secret))
    await writeFile(secret, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFile(secret, 'utf8')
}

function configOf(
  place: Place,
  options: LdapOptions,
  { suffix, rootDn, rootPassword }: Root,
): string {
  const modules = ['back_mdb', 'ppolicy', ...(options.modules ?? [])]
  return [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    ...modules.map((name) => `moduleload ${name}`),
    `pidfile ${join(place.root, 'slapd.pid')}`,
    ...(options.global ?? []),
    ...(options.databases ?? []),
    'database mdb',
    `suffix "${suffix}"`,
    `rootdn "${rootDn}"`,
    `rootpw ${rootPassword}`,
    `directory ${join(place.root, 'data')}`,
    'maxsize 268435456',
    'dbnosync',
    ...(options.database ?? []),
    '',
  ].join('\n')
}

async function load(place: Place, suffix: string, content: string): Promise<void> {
  const log = openSync(place.log, 'a', 0o600)
  const child = spawn('slapadd', ['-f', place.config, '-b', suffix], {
    env: { ...process.env, PATH: daemonPath },
    stdio: ['pipe', log, log],
  })
  closeSync(log)
  child.stdin?.on('error', () => undefined).end(content)
  const status = await new Promise<number | null>((done, fail) => {
    child.once('error', fail).once('exit', done)
  })
  if (status !== 0) throw new Error(`slapadd failed: ${endOfLog(place)}`)
}

const start = (place: Place, listeners: string, runBy: readonly string[]): Running => {
  const command = [...runBy, program, '-f', place.config, '-h', listeners, '-d', 'stats']
  return startServer({
    program: command[0] ?? program,
    args: command.slice(1),
    log: place.log,
    options: { env: { ...process.env, PATH: daemonPath }, cwd: place.root },
    millisToStop,
  })
}

async function answering({ child }: Running, place: Place, port: number): Promise<void> {
  const deadline = performance.now() + millisToStart
  while (!(await accepts(port))) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`slapd did not start: ${endOfLog(place)}`)
    if (performance.now() > deadline)
      throw new Error(`slapd is not ready: ${endOfLog(place)}`)
    await pause(20)
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    const say = (answer: boolean) => {
      socket.destroy()
      done(answer)
    }
    socket.once('connect', () => say(true)).once('error', () => say(false))
  })

const endOfLog = (place: Place): string =>
  existsSync(place.log)
    ? readFileSync(place.log, 'utf8').trim().split('\n').slice(-5).join(' | ')
    : 'no log'
