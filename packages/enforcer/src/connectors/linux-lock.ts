/**
 * One enforcer per host (PROTOCOL 6): a lock on a file in `/run`, held by a child that reads from us. The kernel lets go of
 * the lock when the child ends, and the child ends when we do, however we do: its input is closed by then. A process that
 * is only stopped keeps both. Node itself cannot lock a file, and a file with a process id in it outlives its process.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { LinuxHost } from './linux-host.ts'
import { TargetTaken } from './port.ts'

export const lockFile = '/run/halligan-enforcer-linux.lock'

export type HostLock = Readonly<{
  /** Throws {@link TargetTaken}. */
  take(): Promise<void>
  /** Takes the lock again first, if it was lost; throws after the work if it was lost meanwhile. */
  whileHeld<T>(work: () => Promise<T>): Promise<T>
  release(): Promise<void>
}>

const millisToAnswer = 5_000
/** The child of a predecessor that was killed ends a moment after it. */
const millisForPredecessor = 1_000
const statusTaken = 75

export function hostLock(host: LinuxHost): HostLock {
  let held: ChildProcess | null = null
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }
  const isHeld = () => held !== null && held.exitCode === null && held.signalCode === null
  const take = async () => {
    if (isHeld()) return
    const deadline = performance.now() + millisForPredecessor
    for (;;) {
      held = await lockedChild(host)
      if (held !== null) return
      if (performance.now() > deadline)
        throw new TargetTaken('another enforcer holds this host')
      await pause(50)
    }
  }
  return {
    take: () => inTurn(take),
    whileHeld: async (work) => {
      await inTurn(take)
      const done = await work()
      if (!isHeld()) throw new TargetTaken('the lock of this host was lost meanwhile')
      return done
    },
    release: () =>
      inTurn(async () => {
        const child = held
        held = null
        if (child === null || child.exitCode !== null || child.signalCode !== null) return
        const gone = new Promise((done) => child.once('exit', done))
        child.stdin?.end()
        await gone
      }),
  }
}

/** Null when somebody else holds the lock. What the child echoes proves that it got past the lock. */
async function lockedChild(host: LinuxHost): Promise<ChildProcess | null> {
  const { O_RDONLY, O_CREAT, O_NOFOLLOW } = constants
  closeSync(openSync(host.root() + lockFile, O_RDONLY | O_CREAT | O_NOFOLLOW, 0o600))
  const flock = ['flock', '--exclusive', '--nonblock', '--no-fork']
  const [first = 'flock', ...rest] = [
    ...[...host.before(), ...flock],
    ...['--conflict-exit-code', String(statusTaken), lockFile, 'cat'],
  ]
  const child = spawn(first, rest, {
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  // Written to after its end: it shows by its exit.
  child.stdin.on('error', () => undefined)
  child.stdin.write('held\n')
  const answer = await new Promise<number | 'held'>((done, fail) => {
    const timer = setTimeout(() => fail(new Error('flock does not answer')), millisToAnswer)
    const settle = (how: () => void) => {
      clearTimeout(timer)
      how()
    }
    child.once('error', (error) => settle(() => fail(error)))
    child.once('exit', (status) => settle(() => done(status ?? -1)))
    child.stdout.once('data', () => settle(() => done('held')))
  }).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  if (answer === 'held') {
    child.unref()
    return child
  }
  if (answer === statusTaken) return null
  throw new Error(`flock answered ${answer}`)
}
