/**
 * The control plane on its machine: the real one, on a disk that may fill up, lose an acknowledgement or be put back to
 * what it was, in a process that may die at any call.
 *
 * @module
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseCheckpoint } from '@halligan/ledger'
import { type Disk, nodeDisk } from '../../packages/server/src/disk.ts'
import { createLog } from '../../packages/server/src/http/log.ts'
import { type Instance, openInstance } from '../../packages/server/src/instance.ts'
import { StorageFailed } from '../../packages/server/src/store/port.ts'
import type { SqliteStore } from '../../packages/server/src/store/sqlite.ts'
import { rememberingCrypto, signerNamed } from './crypto.ts'
import { type Folder, origin } from './estate.ts'
import { Crash, createMachine, type Machine, type Process } from './machine.ts'
import type { Answering, Question, Reply } from './network.ts'
import type { World } from './world.ts'

export type ServerNode = Readonly<{
  machine: Machine
  /** Null while it is dead or not yet up. */
  instance(): Instance | null
  process(): Process | null
  answer: Answering
  boot(): Promise<void>
  /** Since when it has been up, with a disk that works and clocks that are steady. */
  ableSince(): number
  disk: { full: boolean }
  /** The log's file itself, whatever is bent; null while nobody has it open. */
  store(): SqliteStore | null
  /** Id of the entry at `index` on the disk. */
  durableId(index: number): string | null
  anchoredSize(): number
  /** Whether the wall clock has left the time that this process began with. */
  clockIsOff(): boolean
  backUp(name: string): void
  /** Only while it is dead. */
  restore(name: string): void
  /** A second server on the same folder: what it says to that. */
  bootTwin(): Promise<string>
  /** The lines that it logged since they were last taken. */
  takeLines(): readonly string[]
  close(): void
}>

const limits = (perMinute: number) => ({ burst: perMinute, perMinute })

const configIn = ({ data, anchor }: Folder) => ({
  ...{ dir: data, host: '127.0.0.1', port: 0, url: 'http://server', tls: null, anchor },
  ...{
    logLevel: 'info',
    noticeUrl: 'https://pager.example/',
    noticePrivate: false,
    routes: [],
  },
  limits: {
    ...{ session: limits(1e6), prepare: limits(1e6), whatIf: limits(1e6) },
    ...{ address: limits(1e6), maxConnections: 1000 },
  },
})

export function createServerNode(world: World, folder: Folder): ServerNode {
  const { agenda, dice, tally } = world
  const machine = createMachine(agenda, 'server')
  const random = dice.named('server')
  const starts = dice.named('starts of the server')
  const disk = { full: false }
  let instance: Instance | null = null
  let process: Process | null = null
  let lines: string[] = []
  let ableSince = agenda.now()
  let store: SqliteStore | null = null
  let errorAtStart = 0

  const closeStore = (store: SqliteStore) => {
    try {
      store.close()
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }

  const optionsFor = (life: Process, opened: SqliteStore[]) => {
    const { bug } = world
    const ports = {
      clock: life.through({ now: () => machine.wall(), bootMillis: machine.bootMillis }),
      random: life.through({ bytes: (length: number) => random.bytes(length) }),
    }
    return {
      config: configIn(folder),
      keys: {
        ...{ log: signerNamed('log'), issuer: signerNamed('issuer') },
        mac: new Uint8Array(32).fill(5),
        incidentSecret: `whsec_${Buffer.alloc(32, 6).toString('base64')}`,
        noticeSecret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      },
      origin,
      crypto: bug.serverCrypto ?? rememberingCrypto,
      ...ports,
      scheduler: {
        after: (millis: number, run: () => void) => life.after(millis, 'server timer', run),
        soon: (run: () => void) => void life.after(0, 'server writes', run),
      },
      disk: failingDisk(life, opened),
      // As if the log were long: half of the starts check it beside its work.
      mostVerifiedFirst: starts.chance(0.5) ? 0 : 10_000,
      netTo: () => ({ post: async () => ({ status: world.pagerWorks ? 204 : 500 }) }),
      log: createLog('info', { write: (line: string) => void lines.push(line) }),
      leaveSafeMode: async () => {
        throw new Error('nobody closes a log here')
      },
    } as const
  }

  const failingDisk = (life: Process, opened: SqliteStore[]): Disk => ({
    openStore(options) {
      const opening = nodeDisk.openStore(options)
      opened.push(opening)
      store = opening
      const failing = failingStore(opening)
      const whole = world.bug.store?.(failing, world) ?? failing
      return life.through(whole, storeReadings)
    },
    openJournal(options) {
      const journal = nodeDisk.openJournal(options)
      return life.through({
        ...journal,
        append(item, at) {
          if (disk.full) throw Object.assign(new Error('ENOSPC'), { syscall: 'write' })
          tally.happened('step: end journalled')
          return journal.append(item, at)
        },
      })
    },
    anchorAt(path) {
      const file = {
        read: async () => readFileSync(path, 'utf8'),
        async replace(text: string) {
          if (disk.full) throw new Error('ENOSPC')
          writeFileSync(path, text)
        },
      }
      return life.through(world.bug.anchor?.(file, path) ?? file)
    },
  })

  /** M3: a commit that failed may be there all the same, as whoever opens the file next finds out. */
  const failingStore = (whole: SqliteStore): SqliteStore => ({
    ...whole,
    transact(now, work) {
      if (!disk.full) return whole.transact(now, work)
      tally.happened('fault: disk of the server full')
      if (dice.chance(0.5)) {
        whole.transact(now, work)
        tally.happened('fault: commit kept that was said to have failed')
        throw new StorageFailed('disk I/O error')
      }
      return whole.transact(now, (batch) => {
        work(batch)
        throw new StorageFailed('database or disk is full')
      })
    },
  })

  const clockError = () => machine.wall() - agenda.now()

  const boot = async () => {
    if (process?.alive === true || world.isServerHeld) return
    const opened: SqliteStore[] = []
    const life = machine.start((why) => {
      tally.happened('fault: crash of the server')
      tally.tell(`${agenda.now()} the server dies: ${why}`)
      instance = null
      ableSince = Number.POSITIVE_INFINITY
      // What runs now may stand in the middle of a transaction: the file is let go once it is over.
      agenda.after(0, 'server reaped', () => {
        for (const each of opened) closeStore(each)
        if (process === life) store = null
      })
    })
    process = life
    errorAtStart = clockError()
    try {
      const up = await openInstance(optionsFor(life, opened))
      if (!life.alive) return
      up.app.onError((error) => {
        if (!(error instanceof Crash)) world.fail(error)
        return new Response('', { status: 500 })
      })
      instance = up
      ableSince = agenda.now()
      up.ledger.writer.onFrontier(() => world.wakeEnforcers())
      up.ledger.safeMode.onChange(({ kind, cause }) => {
        if (cause === 'log_unverified' && kind === 'left')
          tally.happened('step: log verified beside its work')
      })
      const causes = up.ledger.safeMode.causes().map(({ cause }) => cause)
      tally.tell(
        `${agenda.now()} the server is up with ${up.ledger.store.view().head().size} entries ${causes}`,
      )
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
  }

  const answer = async (question: Question): Promise<Reply | null> => {
    const [up, life] = [instance, process]
    if (up === null || life === null) return null
    const { method, path, authorization, body } = question
    const headers: Record<string, string> = {}
    if (body !== '') headers['content-type'] = 'application/json'
    if (authorization !== null) headers.authorization = authorization
    const response = await up.app.fetch(
      new Request(`http://server${path}`, {
        ...{ method, headers },
        ...(method === 'GET' ? {} : { body }),
      }),
    )
    const text = await response.text()
    if (!life.alive) return null
    const media = response.headers.get('content-type') ?? ''
    return { status: response.status, media, body: text }
  }

  const files = ['halligan.db', 'halligan.db-wal']
  return {
    machine,
    instance: () => instance,
    process: () => process,
    answer,
    boot,
    disk,
    store: () => store,
    durableId: (index) => store?.view().entries(index - 1, 1)[0]?.entry.id ?? null,
    anchoredSize() {
      const note = readFileSync(folder.anchor, 'utf8')
      return parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))?.size ?? 0
    },
    // At the edge of what is tolerated, either is right.
    clockIsOff: () => Math.abs(clockError() - errorAtStart) > 35_000,
    ableSince: () =>
      disk.full || machine.asleepUntil() > agenda.now()
        ? Number.POSITIVE_INFINITY
        : Math.max(ableSince, machine.wellSince()),
    backUp(name) {
      rmSync(join(folder.root, name), { recursive: true, force: true })
      mkdirSync(join(folder.root, name))
      for (const file of files)
        if (existsSync(join(folder.data, file)))
          copyFileSync(join(folder.data, file), join(folder.root, name, file))
    },
    restore(name) {
      for (const file of files) {
        rmSync(join(folder.data, file), { force: true })
        if (existsSync(join(folder.root, name, file)))
          copyFileSync(join(folder.root, name, file), join(folder.data, file))
      }
    },
    async bootTwin() {
      const life = createMachine(agenda, 'twin').start(() => {})
      return await openInstance(optionsFor(life, [])).then(
        () => 'up',
        (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
      )
    },
    takeLines() {
      const taken = lines
      lines = []
      return taken
    },
    close() {
      process?.die()
      rmSync(folder.root, { recursive: true, force: true })
    },
  }
}

const storeReadings: ReadonlySet<string> = new Set([
  ...['view', 'node', 'lastAt', 'resultOf', 'inPlace', 'database'],
])
