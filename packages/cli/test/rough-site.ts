/**
 * An example estate whose processes a test may kill, stop and deceive. It is founded by the ordinary commands; after that
 * the test itself holds the server, the enforcer and PostgreSQL, and people act through the SDK with the keys they made.
 */
import type { ChildProcess } from 'node:child_process'
import { closeSync, cpSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createPayments } from '../src/estate/payments.ts'
import { type PostgresServer, startPostgres } from '../src/estate/postgres-server.ts'
import { configureEnforcer, paymentsSite } from '../src/example/enforcer.ts'
import { exampleBundle, openEstate } from '../src/example/estate.ts'
import { type Name, names, Person } from '../src/example/people.ts'
import { type Finished, Programs } from '../src/example/programs.ts'
import { type Sibling, startSibling } from '../src/sibling.ts'
import { Actor } from './actor.ts'
import { Witness } from './witness.ts'

export type SiteOptions = Readonly<{
  /** Access still there this long after it had to end is overdue. */
  revokeSloSeconds?: number
}>

type Env = Readonly<Record<string, string>>

/** A program that is started, killed and started again. */
export class Daemon {
  readonly #program: Sibling
  readonly #args: readonly string[]
  readonly #isReady: () => Promise<boolean>
  readonly log: string
  #child: ChildProcess | null = null

  constructor(
    program: Sibling,
    args: readonly string[],
    log: string,
    isReady: () => Promise<boolean>,
  ) {
    this.#program = program
    this.#args = args
    this.log = log
    this.#isReady = isReady
  }

  get running(): boolean {
    return (
      this.#child !== null &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    )
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Resolves once it is ready. Throws with the end of its log when it ends or does not come up. */
  async start(env: Env = {}): Promise<void> {
    if (this.running) return
    const words = openSync(this.log, 'a', 0o600)
    this.#child = startSibling(this.#program, this.#args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', words, words],
    })
    closeSync(words)
    const late = performance.now() + 20_000
    while (!(await this.#isReady())) {
      if (!this.running || performance.now() > late)
        throw new Error(`${this.#program} did not start: ${this.words().slice(-1500)}`)
      await pause(20)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** As the kernel would: nothing is finished and nobody is told. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === null || !this.running) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    if (signal === 'SIGKILL') child.kill('SIGCONT')
    await gone
  }

  words(): string {
    return readFileSync(this.log, 'utf8')
  }
}

export class RoughSite {
  readonly folder: string
  readonly url: string
  readonly server: Daemon
  readonly enforcer: Daemon
  readonly postgres: PostgresServer
  readonly superuserUrl: string
  readonly persons: Readonly<Record<Name, Person>>
  readonly programs: Programs
  readonly #opened: (() => Promise<void>)[] = []

  private constructor(
    folder: string,
    found: Readonly<{
      url: string
      persons: Readonly<Record<Name, Person>>
      programs: Programs
      postgres: PostgresServer
      superuserUrl: string
    }>,
  ) {
    this.folder = folder
    this.url = found.url
    this.persons = found.persons
    this.programs = found.programs
    this.postgres = found.postgres
    this.superuserUrl = found.superuserUrl
    const { port } = new URL(found.url)
    this.server = new Daemon(
      'halligan-server',
      ['run', '--dir', this.dir('server'), '--port', port],
      join(folder, 'logs', 'server.log'),
      () => this.healthy(),
    )
    const enforcer = this.dir('enforcer')
    this.enforcer = new Daemon(
      'halligan-enforcer',
      ['run', '--dir', enforcer],
      join(folder, 'logs', 'enforcer.log'),
      () => listens(join(enforcer, 'enforcer.sock')),
    )
  }

  static async open({ revokeSloSeconds = 60 }: SiteOptions = {}): Promise<RoughSite> {
    const folder = await mkdtemp(join(tmpdir(), 'halligan-rough-'))
    const bundle = await mkdtemp(join(tmpdir(), 'halligan-rough-bundle-'))
    cpSync(exampleBundle, bundle, { recursive: true })
    const estateFile = join(bundle, 'estate.yaml')
    const preset = readFileSync(estateFile, 'utf8')
    writeFileSync(
      estateFile,
      preset.replace(/^revokeSloSeconds: \d+$/m, `revokeSloSeconds: ${revokeSloSeconds}`),
    )
    const { signal } = new AbortController()
    const founded = await openEstate({
      folder,
      port: 0,
      bundle,
      say: () => undefined,
      signal,
    })
    await founded.stop()
    await rm(bundle, { recursive: true })
    const postgres = await startPostgres({ dir: join(folder, 'postgres') })
    const payments = await createPayments(postgres.superuserUrl)
    const dir = join(folder, 'enforcer')
    await configureEnforcer(dir, await paymentsSite(dir, payments))
    const programs = new Programs()
    const persons = Object.fromEntries(
      names.map((name) => [name, new Person(name, folder, programs)]),
    ) as Record<Name, Person>
    const { url } = founded
    const { superuserUrl } = payments
    return new RoughSite(folder, { url, persons, programs, postgres, superuserUrl })
  }

  dir(name: string): string {
    return join(this.folder, name)
  }

  async up(): Promise<void> {
    await this.server.start()
    await this.enforcer.start()
  }

  healthy(): Promise<boolean> {
    return fetch(`${this.url}/healthz`, { signal: AbortSignal.timeout(2000) }).then(
      (response) => response.ok,
      () => false,
    )
  }

  /** Somebody with a fresh session. */
  actor(name: Name): Promise<Actor> {
    return Actor.of(this.persons[name], this.url)
  }

  witness(): Witness {
    const witness = new Witness(this.superuserUrl)
    this.#opened.push(() => witness.close())
    return witness
  }

  /** A second process over the same folder; it is expected to end by itself. */
  second(
    program: 'halligan-server' | 'halligan-enforcer',
    ...args: string[]
  ): Promise<Finished> {
    return this.programs.run(program, args)
  }

  async remove(): Promise<void> {
    for (const close of this.#opened) await close()
    await this.enforcer.kill()
    await this.server.kill()
    await this.programs.stopAll()
    await this.postgres.remove()
    await rm(this.folder, { recursive: true, force: true })
  }
}

function listens(socket: string): Promise<boolean> {
  const connection = createConnection(socket)
  return new Promise<boolean>((resolve) => {
    connection.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).finally(() => connection.destroy())
}

/** Looks again and again; throws with what `otherwise` says when it does not come true in time. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  millis = 20_000,
): Promise<T> {
  const late = performance.now() + millis
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined && found !== false) return found
    if (performance.now() > late) throw new Error(`not within ${millis} ms: ${what}`)
    await pause(50)
  }
}
