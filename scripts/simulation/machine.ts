/**
 * One host: its clocks, which may lie, and the one process on it, which may die at any call through a port.
 *
 * @module
 */
import type { Instant } from '@halligan/core'
import type { Agenda } from './agenda.ts'

export class Crash extends Error {
  override readonly name = 'Crash'
}

export type Process = {
  readonly alive: boolean
  /** Dies at the n-th call from now: before it takes effect, or right after. */
  doom(calls: number, when: 'before' | 'after'): void
  die(): void
  /** A timer of this process: it does not fire while the host sleeps, and never after the process has died. */
  after(millis: number, label: string, run: () => void): () => void
  /** The port as this process reaches it: every call may be its last. */
  through<T extends object>(port: T, readings?: ReadonlySet<string>): T
}

export type Machine = {
  readonly name: string
  wall(): Instant
  bootMillis(): number
  readonly bootId: string
  synchronised: boolean
  stepWall(millis: number): void
  setFrozen(frozen: boolean): void
  /** Nothing runs for so long; both clocks go on. */
  suspend(millis: number): void
  asleepUntil(): number
  /** Simulated time at which this host last came out of anything that kept it from working. */
  wellSince(): number
  unwell(until: number): void
  reboot(): void
  /** A fresh process; the one before is dead by then. */
  start(onDeath: (why: string) => void): Process
}

export function createMachine(agenda: Agenda, name: string): Machine {
  let boots = 1
  let bootedAt = agenda.now() - 500_000
  let offset = 0
  let frozenAt: number | null = null
  let asleep = 0
  let well = agenda.now()
  const wall = () => (frozenAt ?? agenda.now()) + offset
  const unwell = (until: number) => {
    well = Math.max(well, until)
  }
  const machine: Machine = {
    name,
    synchronised: true,
    wall: () => wall() as Instant,
    bootMillis: () => agenda.now() - bootedAt,
    get bootId() {
      return `${name}-boot-${boots}`
    },
    stepWall(millis) {
      offset += millis
    },
    setFrozen(frozen) {
      if (frozen) frozenAt ??= agenda.now()
      else frozenAt = null
    },
    suspend(millis) {
      asleep = Math.max(asleep, agenda.now() + millis)
      unwell(asleep)
    },
    asleepUntil: () => asleep,
    wellSince: () => well,
    unwell,
    reboot() {
      boots++
      bootedAt = agenda.now() - 1000
    },
    start(onDeath) {
      well = Math.max(asleep, agenda.now())
      return createProcess(agenda, machine, onDeath)
    },
  }
  return machine
}

function createProcess(
  agenda: Agenda,
  machine: Machine,
  onDeath: (why: string) => void,
): Process {
  let alive = true
  let left = Number.POSITIVE_INFINITY
  let moment: 'before' | 'after' = 'before'
  const die = (why: string) => {
    if (!alive) return
    alive = false
    machine.unwell(Number.POSITIVE_INFINITY)
    onDeath(why)
  }
  const dieAt = (name: string): never => {
    die(`${moment} ${name}`)
    throw new Crash(`${machine.name} died ${moment} ${name}`)
  }
  const enter = (name: string): boolean => {
    if (!alive) throw new Crash(`${machine.name} is dead`)
    left -= 1
    const last = left <= 0
    if (last && moment === 'before') dieAt(name)
    return last
  }
  const run = (label: string, work: () => void) => {
    if (!alive) return
    const sleep = machine.asleepUntil() - agenda.now()
    if (sleep > 0) return void agenda.after(sleep, label, () => run(label, work))
    try {
      work()
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
  }
  return {
    get alive() {
      return alive
    },
    doom(calls, when) {
      left = calls
      moment = when
    },
    die: () => die('kill -9'),
    after: (millis, label, work) => agenda.after(millis, label, () => run(label, work)),
    through<T extends object>(port: T, readings: ReadonlySet<string> = new Set()): T {
      const members = new Map<PropertyKey, unknown>()
      return new Proxy(port, {
        get(target, name, receiver) {
          const member: unknown = Reflect.get(target, name, receiver)
          if (typeof member !== 'function') return member
          const known = members.get(name)
          if (known !== undefined) return known
          const label = String(name)
          const made = (...args: unknown[]) => {
            if (readings.has(label) && alive) return member.apply(target, args)
            const last = enter(label)
            const leave = <V>(value: V): V => {
              if (!alive) throw new Crash(`${machine.name} is dead`)
              return last ? dieAt(label) : value
            }
            const value: unknown = member.apply(target, args)
            return value instanceof Promise ? value.then(leave) : leave(value)
          }
          members.set(name, made)
          return made
        },
      })
    },
  }
}
