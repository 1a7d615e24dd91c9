/**
 * One host for tests: clocks that move when told, timers that fire when the clocks pass them, and crashes at any call
 * through any port. Nothing here sleeps.
 *
 * @module
 */
import type { Digest, GrantId, Guard, Instant } from '@halligan/core'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import { connectFake, createFakeTarget, type FakeTarget } from '../src/connectors/fake.ts'
import { restingAccount } from '../src/connectors/fake-account.ts'
import type { Connector } from '../src/connectors/port.ts'
import type { Clocks } from '../src/deadline.ts'
import { heldIn } from '../src/held.ts'
import type { ControlPlane, Note, Scheduler } from '../src/ports.ts'
import type { Site } from '../src/site.ts'
import type { Books, Vault } from '../src/store/port.ts'
import { openBooks } from '../src/store/sqlite.ts'
import { memoryVault } from './memory-vault.ts'

export const start = 1_800_000_000_000 as Instant

export type HostClock = {
  read(): Clocks
  /** Time really passes: both clocks move. */
  pass(millis: number): void
  /** Somebody sets the wall clock. */
  stepWall(millis: number): void
  freezeWall(): void
  reboot(synchronised: boolean): void
}

export function createClock(): HostClock {
  let boots = 1
  let wall: number = start
  let bootMillis = 500_000
  let synchronised = true
  let wallRuns = true
  return {
    read: () => ({
      bootId: `boot-${boots}`,
      bootMillis,
      wall: wall as Instant,
      synchronised,
    }),
    pass(millis) {
      bootMillis += millis
      if (wallRuns) wall += millis
    },
    stepWall(millis) {
      wall += millis
    },
    freezeWall() {
      wallRuns = false
    },
    reboot(disciplined) {
      boots++
      bootMillis = 1000
      synchronised = disciplined
    },
  }
}

type Timer = { at: number; run: () => void }

export type HostScheduler = Scheduler & {
  /** Runs what the boot clock has passed. */
  fire(): void
  clear(): void
}

export function createScheduler(clock: HostClock): HostScheduler {
  let timers: Timer[] = []
  return {
    after(millis, run) {
      const timer = { at: clock.read().bootMillis + millis, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    fire() {
      const now = clock.read().bootMillis
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { run } of due) run()
    },
    clear() {
      timers = []
    },
  }
}

export class Crash extends Error {
  override readonly name = 'Crash'
}

/** Calls that change nothing: to die at one of these is to have died after the call before. */
const readings: ReadonlySet<string | symbol> = new Set([
  ...['read', 'hold', 'unfinished', 'fence', 'highestWall', 'trust', 'generation'],
  ...['lastReceipt', 'outgoing', 'wasRefused', 'drifts', 'difference', 'wakeUps'],
  ...['isUnwritten', 'refuses', 'sharedAccount', 'accounts', 'secrets'],
])

/** Kills the process at the n-th call through a port: before it takes effect, or right after. */
export type CrashPlan = { calls: number; dead: boolean }

export function crashingAt(
  plan: CrashPlan,
  at: number,
  when: 'before' | 'after',
): <T extends object>(port: T) => T {
  const enter = () => {
    if (plan.dead) throw new Crash('dead')
    plan.calls++
    if (plan.calls === at && when === 'before') die()
  }
  const die = (): never => {
    plan.dead = true
    throw new Crash(`at call ${at}, ${when}`)
  }
  return (port) =>
    new Proxy(port, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (readings.has(name) && !plan.dead) return member.apply(target, args)
          enter()
          const mine = plan.calls
          const leave = <V>(value: V): V => {
            if (plan.dead) throw new Crash('dead')
            return mine === at && when === 'after' ? die() : value
          }
          const value: unknown = member.apply(target, args)
          return value instanceof Promise ? value.then(leave) : leave(value)
        }
      },
    })
}

export const targetName = 'payments-pg'

export const guard: Guard = {
  enforcer: 'enf-payments',
  targets: {
    [targetName]: {
      entitlements: ['payments-db-repair'],
      privileges: ['role:payments_repair', 'account:payments_owner'],
      routes: { quorum: { minApprovals: 1 } },
      approverGroup: 'payments-leads',
      maxLifeSeconds: 3600,
      owners: ['dee'],
    },
  },
}

export type Host = {
  clock: HostClock
  scheduler: HostScheduler
  target: FakeTarget
  books: Books
  notes: Note[]
  vault: Vault
  /** A process on this host: fresh memory, same disk, same target. */
  boot(more?: Partial<Site>, through?: <T extends object>(port: T) => T): Site
}

const silent: ControlPlane = {
  sync: async () => ({ ok: false, error: { code: 'unreachable', detail: 'down' } }),
  deliver: async () => ({ ok: false, error: { code: 'unreachable', detail: 'down' } }),
  wakeUps: () => () => {},
}

export function createHost(): Host {
  const clock = createClock()
  const scheduler = createScheduler(clock)
  const target = createFakeTarget(() => clock.read().wall)
  target.accounts.set('payments_owner', restingAccount('payments_owner'))
  const books = openBooks(':memory:', new Uint8Array(32))
  const { signer } = generateSigner()
  const notes: Note[] = []
  const vault = memoryVault()
  let drawn = 0
  return {
    clock,
    scheduler,
    target,
    books,
    notes,
    vault,
    boot(more = {}, through = (port) => port) {
      target.holder = null
      const lent = { vault: through(vault), held: heldIn(books) }
      const connector = through<Connector>(connectFake(target, targetName, lent))
      return {
        estate: 'example',
        enforcer: 'enf-payments',
        signer,
        pinned: `sha256:${'0'.repeat(64)}` as Digest,
        guard,
        connectors: new Map([[targetName, connector]]),
        books: through(books),
        controlPlane: silent,
        clock: through(clock),
        random: {
          bytes: (length) => new Uint8Array(length).fill(++drawn % 256),
        },
        scheduler,
        sealer: {
          seal: async (credential, to) => JSON.stringify({ to: to.x, credential }),
        },
        crypto: nodeCrypto,
        log: (note) => notes.push(note),
        ...more,
      }
    },
  }
}

export const grantNamed = (letter: string) => `g-${letter.repeat(26)}` as GrantId
