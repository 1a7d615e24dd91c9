/**
 * The example estate: four people and an agent, a control plane, an enforcer and a real PostgreSQL, each a process of
 * its own. It is set up by the same commands that people type.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createPayments, type Payments } from '../estate/payments.ts'
import { type PostgresServer, startPostgres } from '../estate/postgres-server.ts'
import type { Death } from '../estate/server-process.ts'
import {
  configureEnforcer,
  type EnforcerSite,
  enforcerId,
  enrollEnforcer,
  paymentsSite,
  target,
  trustRoster,
} from './enforcer.ts'
import { mustHold, type Name, names, Person, threshold, trustees } from './people.ts'
import { type Daemon, Programs } from './programs.ts'

export const estateName = 'example'
export const system = 'payments-db'

export const exampleBundle = fileURLToPath(new URL('../../example/bundle', import.meta.url))

export type ExampleEstate = Readonly<{
  folder: string
  url: string
  rosterDigest: string
  people: Readonly<Record<Name, Person>>
  payments: Payments
  server: Daemon
  enforcer: Daemon
  others: readonly Daemon[]
  /** The first of its processes that ended since, whoever ended it. */
  death: Promise<Death>
  /** Ends every process. The data stays. */
  stop(): Promise<void>
  /** Ends every process and forgets everything. */
  remove(): Promise<void>
}>

export type EstateOptions = Readonly<{
  /** Made when missing, resumed when it holds an estate. */
  folder: string
  /** Preferred; another free one is taken for a new estate. */
  port: number
  /** A new estate's policy; {@link exampleBundle} by default. */
  bundle?: string
  /** Enforcers beside that of the payments database. */
  others?: readonly EnforcerSite[]
  /** More that the guard of the payments database shall allow. */
  entitlements?: readonly string[]
  /** Told before each step. */
  say(step: string): void
  /** Ends every process at once, whatever step is under way. */
  signal: AbortSignal
}>

/** Resolves once the server answers and the enforcer holds its target. Throws, all stopped, when a step fails. */
export async function openEstate(options: EstateOptions): Promise<ExampleEstate> {
  const folder = resolve(options.folder)
  const isNew = await isNewFolder(folder)
  const programs = new Programs()
  let postgres: PostgresServer | null = null
  const stop = async () => {
    await programs.stopAll()
    await postgres?.stop()
  }
  const remove = async () => {
    await programs.stopAll()
    await postgres?.remove()
    for (const name of ours) await rm(join(folder, name), { recursive: true, force: true })
  }
  options.signal.addEventListener('abort', () => void programs.stopAll(), { once: true })
  try {
    await mkdir(join(folder, 'logs'), { recursive: true, mode: 0o700 })
    // PostgreSQL never runs as root, and must pass through; what is secret below has folders of its own.
    await chmod(folder, 0o711)
    const starting = startPostgres({ dir: join(folder, 'postgres') })
    const ceremony = settled(keysAndServer(folder, programs, options))
    postgres = await starting
    const payments = await createPayments(postgres.superuserUrl)
    const founded = await ceremony
    const dir = enforcerFolder(folder, enforcerId)
    const own = await paymentsSite(dir, payments, options.entitlements)
    const [enforcer, ...others] = await Promise.all(
      [own, ...(options.others ?? [])].map((site) =>
        startEnforcer(folder, programs, site, founded),
      ),
    )
    if (enforcer === undefined) throw new Error('no enforcer was started')
    const death = Promise.race([
      postgres.death(),
      ...[founded.server, enforcer, ...others].map((daemon) => daemon.death()),
    ])
    return { folder, ...founded, payments, enforcer, others, death, stop, remove }
  } catch (error) {
    // Half an estate cannot be resumed.
    await (isNew ? remove() : stop())
    throw error
  }
}

/** All that an estate keeps in its folder. */
const ours = [
  ...names,
  ...['server', 'enforcer', 'enforcers', 'postgres', 'logs'],
  ...['founders.json', 'estate.json'],
]

/** Throws for a folder that holds something else: nothing of the user's may be mixed with an estate. */
async function isNewFolder(folder: string): Promise<boolean> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (found.includes('estate.json')) {
    if (await listens(join(folder, 'enforcer', 'enforcer.sock')))
      throw new Error(
        `the estate in ${folder} runs already; use it, or stop that one first`,
      )
    return false
  }
  if (found.length > 0)
    throw new Error(`${folder} holds something else; name another --dir`)
  return true
}

const enforcerFolder = (folder: string, id: string): string =>
  id === enforcerId ? join(folder, 'enforcer') : join(folder, 'enforcers', id)

async function startEnforcer(
  folder: string,
  programs: Programs,
  site: EnforcerSite,
  founded: Founded,
): Promise<Daemon> {
  const dir = enforcerFolder(folder, site.id)
  await configureEnforcer(dir, site)
  await trustRoster(dir, programs, founded)
  const log = join(folder, 'logs', `${site.id === enforcerId ? 'enforcer' : site.id}.log`)
  const args = ['run', '--dir', dir]
  const enforcer = programs.start('halligan-enforcer', args, log, {}, site.inside)
  await until(enforcer, () => listens(join(dir, 'enforcer.sock')))
  return enforcer
}

type Founded = Readonly<{
  url: string
  rosterDigest: string
  people: Readonly<Record<Name, Person>>
  server: Daemon
}>

/** A failure is kept until somebody awaits it, so that it never ends the process meanwhile. */
function settled<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}

async function keysAndServer(
  folder: string,
  programs: Programs,
  options: EstateOptions,
): Promise<Founded> {
  const { port: preferred, say } = options
  const persons = Object.fromEntries(
    names.map((name) => [name, new Person(name, folder, programs)]),
  ) as Record<Name, Person>
  const place = join(folder, 'estate.json')
  const known = existsSync(place) ? JSON.parse(await readFile(place, 'utf8')) : null
  const port: number = known?.port ?? (await freePort(preferred))
  const rosterDigest =
    known?.rosterDigest ?? (await found(folder, programs, persons, options))
  await writeFile(place, `${JSON.stringify({ port, rosterDigest }, null, 2)}\n`)
  say('server')
  const server = programs.start(
    'halligan-server',
    ['run', '--dir', join(folder, 'server'), '--port', String(port)],
    join(folder, 'logs', 'server.log'),
  )
  const url = `http://127.0.0.1:${port}`
  await until(server, () => isReady(url))
  const login = ['login', '--server', url, '--trust', rosterDigest]
  if (known === null) {
    say('people')
    await eachInTurn(names, async (name) => mustHold(await persons[name].run(...login)))
  }
  return { url, rosterDigest, people: persons, server }
}

/** The genesis ceremony. The server never sees a private key of a person, nor they the server's. */
async function found(
  folder: string,
  programs: Programs,
  persons: Readonly<Record<Name, Person>>,
  { bundle = exampleBundle, others = [], say }: EstateOptions,
): Promise<string> {
  const at = (...parts: readonly string[]) => join(folder, ...parts)
  say('keys')
  const enrolling = settled(enrollAll(folder, programs, others))
  await eachInTurn(names, (name) => persons[name].makeKey())
  const founders = await foundersOf(persons, await enrolling)
  await writeFile(at('founders.json'), `${JSON.stringify(founders, null, 2)}\n`)
  say('genesis')
  const init = (...args: readonly string[]) =>
    programs.run('halligan-server', ['init', '--dir', at('server'), ...args])
  mustHold(await init('--founders', at('founders.json')))
  const genesis = at('server', 'genesis.json')
  for (const name of trustees.slice(0, threshold))
    mustHold(await persons[name].run('roster', 'sign', genesis, '--yes'))
  const printed = mustHold(await init('--genesis', genesis, '--bundle', bundle))
  const digest = /sha256:[0-9a-f]{64}/.exec(printed)?.[0]
  if (digest === undefined) throw new Error('the ceremony printed no roster digest')
  return digest
}

type Enrolled = Readonly<{ id: string; pub: string; targets: readonly string[] }>

/** What the roster shall say of each enforcer. */
const enrollAll = (
  folder: string,
  programs: Programs,
  others: readonly EnforcerSite[],
): Promise<readonly Enrolled[]> =>
  Promise.all(
    [{ id: enforcerId, targets: { [target]: null } }, ...others].map(async (site) => {
      const asked = { id: site.id, targets: Object.keys(site.targets) }
      const dir = enforcerFolder(folder, site.id)
      await mkdir(dirname(dir), { recursive: true, mode: 0o700 })
      return { ...asked, pub: await enrollEnforcer(dir, asked, programs) }
    }),
  )

async function foundersOf(
  persons: Readonly<Record<Name, Person>>,
  enforcers: readonly Enrolled[],
) {
  const keyed = await Promise.all(
    names.map(async (person) => ({ person, pub: await persons[person].publicKey() })),
  )
  return {
    estate: estateName,
    threshold,
    trustees: keyed.filter(({ person }) => trustees.some((name) => name === person)),
    people: keyed.map(({ person, pub }) =>
      person === 'robo'
        ? { person, kind: 'agent', owner: 'ada', keys: [pub] }
        : { person, kind: 'human', keys: [pub] },
    ),
    approverGroups: { 'payments-leads': ['bob', 'cy'] },
    enforcers,
  }
}

/** Two at a time: starting a process is work for a processor, and there may be only two. */
async function eachInTurn<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all([worker(), worker()])
}

const millisToStart = 20_000
const millisBetweenLooks = 50

/** Waits for `condition` while `daemon` runs. Throws with the end of its log when it does not come true. */
async function until(daemon: Daemon, condition: () => Promise<boolean>): Promise<void> {
  const late = Date.now() + millisToStart
  while (!(await condition())) {
    if (!daemon.running || Date.now() > late) {
      const log = await readFile(daemon.log, 'utf8')
      throw new Error(`${daemon.name} did not start:\n${log.slice(-2000)}`)
    }
    await pause(millisBetweenLooks)
  }
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    (response) => response.ok,
    () => false,
  )

/** The enforcer opens its socket once it holds its targets. */
function listens(socket: string): Promise<boolean> {
  const connection = createConnection(socket)
  return new Promise((resolve) => {
    connection.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).finally(() => connection.destroy()) as Promise<boolean>
}

/** `preferred` when it is free, otherwise any. */
async function freePort(preferred: number): Promise<number> {
  return (await portIfFree(preferred)) ?? (await portIfFree(0)) ?? preferred
}

function portIfFree(port: number): Promise<number | null> {
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(null))
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address()
      const got = typeof address === 'object' && address !== null ? address.port : null
      probe.close(() => resolve(got))
    })
  })
}
