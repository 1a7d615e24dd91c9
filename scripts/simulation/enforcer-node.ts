/**
 * One enforcer on its machine: the real daemon over books that outlive it, and connectors whose calls go on without it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { GrantId, Instant } from '@halligan/core'
import { createTransport } from '@halligan/sdk'
import { TargetTaken } from '../../packages/enforcer/src/connectors/port.ts'
import {
  type Daemon,
  startDaemon,
  usualDaemonPace,
} from '../../packages/enforcer/src/daemon.ts'
import { heldIn } from '../../packages/enforcer/src/held.ts'
import { httpControlPlane } from '../../packages/enforcer/src/http-control-plane.ts'
import type { Note, Sealer } from '../../packages/enforcer/src/ports.ts'
import type { Site } from '../../packages/enforcer/src/site.ts'
import type { Books, Vault } from '../../packages/enforcer/src/store/port.ts'
import { openBooks } from '../../packages/enforcer/src/store/sqlite.ts'
import { handOut } from './account.ts'
import { connectTo } from './connector.ts'
import { rememberingCrypto, signerNamed } from './crypto.ts'
import { type EnforcerName, estateName, foundedEstate, guardOf } from './estate.ts'
import { Crash, createMachine, type Machine, type Process } from './machine.ts'
import type { Target } from './target.ts'
import { createVault, type SimulatedVault } from './vault.ts'
import { wireTo } from './wire.ts'
import { targetNamed, type World } from './world.ts'

export type EnforcerNode = Readonly<{
  name: EnforcerName
  machine: Machine
  targets: readonly Target[]
  /** As they are on the disk. */
  books: Books
  vault: SimulatedVault
  /** Null while it is dead. */
  site(): Site | null
  process(): Process | null
  boot(): Promise<void>
  wake(): void
  /** Since when it has been at work, with a disk that works. */
  wellSince(): number
  disk: { full: boolean }
  /** A second enforcer for the same targets: what it says to that. */
  bootTwin(): Promise<string>
  /** The notes that it logged since they were last taken. */
  takeNotes(): readonly Note[]
  close(): void
}>

/** Nobody can read it, and it is the same each time: which real sealing is not. */
const opaqueSealer: Sealer = {
  async seal(credential, to, header) {
    const whole = JSON.stringify([credential, to, header])
    return `sealed.${createHash('sha256').update(whole).digest('base64url')}`
  },
}

export function createEnforcerNode(world: World, name: EnforcerName): EnforcerNode {
  const { agenda, dice, tally } = world
  const machine = createMachine(agenda, name)
  const random = dice.named(name)
  const targets = world.targets.filter(({ enforcer }) => enforcer === name)
  const onDisk = openBooks(':memory:', new Uint8Array(32))
  const vault = createVault()
  const disk = { full: false }
  let site: Site | null = null
  let daemon: Daemon | null = null
  let process: Process | null = null
  let notes: Note[] = []

  const guarded =
    <A extends unknown[], T>(write: (...args: A) => T) =>
    (...args: A): T => {
      if (!disk.full) return write(...args)
      tally.happened('fault: disk of an enforcer full')
      throw new Error('database or disk is full')
    }
  const fillingUp = (books: Books): Books => {
    return {
      ...books,
      atomically: guarded(books.atomically) as Books['atomically'],
      together: (work) =>
        disk.full ? Promise.reject(new Error('disk is full')) : books.together(work),
      keepHighestWall: guarded(books.keepHighestWall),
      shelf: { ...books.shelf, put: guarded(books.shelf.put) },
    }
  }
  const vaultFillingUp = (vault: Vault): Vault => ({
    ...vault,
    propose: guarded(vault.propose),
    confirm: guarded(vault.confirm),
  })

  const siteFor = async (life: Process): Promise<Site> => {
    const { bug } = world
    const books = bug.books?.(fillingUp(onDisk), name) ?? fillingUp(onDisk)
    const read = () => ({
      ...{ bootId: machine.bootId, bootMillis: machine.bootMillis() },
      ...{ wall: machine.wall() as Instant, synchronised: machine.synchronised },
    })
    const scheduler = {
      after: (millis: number, run: () => void) => life.after(millis, `${name} timer`, run),
    }
    const clock = bug.enforcerClock?.({ read }) ?? { read }
    const held = heldIn(books)
    const ports = {
      ...{ clock, scheduler, shelf: life.through(books.shelf) },
      vault: life.through(bug.vault?.(vaultFillingUp(vault)) ?? vaultFillingUp(vault)),
      held: bug.held?.(held) ?? held,
    }
    const connectors = new Map(
      targets.map((target) => {
        const wire = life.through(wireTo(world, random, target, () => life.alive))
        const plain = connectTo(target, { ...ports, wire })
        const bent = bug.connector?.(plain, target.name, world) ?? plain
        return [target.name, life.through(bent, connectorReadings)] as const
      }),
    )
    const log = (note: Note) => void notes.push(note)
    const caller = {
      ...{ estate: estateName, enforcer: name, signer: signerNamed(name), clock },
      ...{ scheduler, log, origin: () => null },
    }
    const transport = createTransport('http://server', world.network.fetchFrom(name))
    return {
      ...{ estate: estateName, enforcer: name, signer: signerNamed(name) },
      pinned: (await foundedEstate()).rosterDigest,
      guard: guardOf(name),
      connectors: bug.connectors?.(connectors, world) ?? connectors,
      books: life.through(books, bookReadings),
      controlPlane: life.through({
        ...httpControlPlane(transport, caller),
        wakeUps: () => () => {},
      }),
      clock: life.through(clock),
      random: { bytes: (length) => random.bytes(length) },
      ...{ scheduler, crypto: rememberingCrypto, log },
      sealer: life.through(witnessed(bug.sealer?.(opaqueSealer) ?? opaqueSealer)),
    }
  }

  /** What is sealed to somebody they may know from then on. */
  const witnessed = (sealer: Sealer): Sealer => ({
    async seal(credential, to, header) {
      const target = targetNamed(world, header.target)
      const account = target.accounts.get(credential.user ?? '')
      if (account !== undefined) {
        const grant = header.grant as GrantId
        handOut(account, credential.password ?? '', grant)
        world.handedOut(target, grant)
      }
      return sealer.seal(credential, to, header)
    },
  })

  const boot = async () => {
    if (process?.alive === true) return
    const life = machine.start((why) => {
      tally.happened('fault: crash of an enforcer')
      tally.tell(`${agenda.now()} ${name} dies: ${why}`)
      site = null
      daemon = null
    })
    process = life
    for (const { fake } of targets) fake.holder = null
    const made = await siteFor(life)
    try {
      const up = await startDaemon(made, usualDaemonPace, (error) => broken(life, error))
      if (!life.alive) return
      ;[site, daemon] = [made, up]
      tally.tell(`${agenda.now()} ${name} is up`)
    } catch (error) {
      broken(life, error)
    }
  }

  /** A process that finds its promises broken ends; whatever started it starts it again. */
  const broken = (life: Process, error: unknown) => {
    if (error instanceof Crash) return
    if (disk.full || error instanceof TargetTaken) {
      life.die()
      return void agenda.after(3000, `${name} starts again`, () => void boot())
    }
    world.fail(error)
  }

  return {
    ...{ name, machine, targets, disk, boot },
    ...{ books: onDisk, vault },
    site: () => site,
    process: () => process,
    wake: () => daemon?.wake(),
    wellSince: () =>
      disk.full || site === null ? Number.POSITIVE_INFINITY : machine.wellSince(),
    async bootTwin() {
      const life = createMachine(agenda, 'twin').start(() => {})
      const books = openBooks(':memory:', new Uint8Array(32))
      const twin = { ...(await siteFor(life)), books }
      return await startDaemon(twin, usualDaemonPace, () => {})
        .then(
          () => 'up',
          (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
        )
        .finally(() => {
          life.die()
          books.close()
        })
    },
    takeNotes() {
      const taken = notes
      notes = []
      return taken
    },
    close() {
      process?.die()
      onDisk.close()
    },
  }
}

const bookReadings: ReadonlySet<string> = new Set([
  ...['hold', 'unfinished', 'fence', 'highestWall', 'trust', 'generation', 'lastReceipt'],
  ...['outgoing', 'wasRefused', 'drifts'],
])

const connectorReadings: ReadonlySet<string> = new Set(['difference'])
