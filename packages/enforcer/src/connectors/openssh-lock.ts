import { setTimeout as pause } from 'node:timers/promises'
import { type Hold, hold } from './openssh-host.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'
import { TargetTaken } from './port.ts'

export type HeldHost = Readonly<{ host: OpensshHost; hold: Hold }>

/**
 * One enforcer per target: every host of it is held on a connection, and what lets somebody in is asked on that very
 * connection. A host that is away is left out; one that another enforcer holds makes all of it `TargetTaken`.
 */
export type TargetLock = Readonly<{
  take(): Promise<void>
  /** One piece of work at a time, with the hosts that could be reached: at least one. */
  whileHeld<T>(work: (held: readonly HeldHost[]) => Promise<T>): Promise<T>
  release(): Promise<void>
}>

/** A predecessor that was killed is gone from the host a moment after its connection. */
const millisForPredecessor = 1_500
const millisBetweenTries = 100

export function targetLock(settings: OpensshSettings): TargetLock {
  const holds = new Map<string, Hold>()
  let queue: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }
  const letGo = async () => {
    const all = [...holds.values()]
    holds.clear()
    await Promise.all(all.map((one) => one.release()))
  }
  const take = async (): Promise<readonly HeldHost[]> => {
    const missing = settings.hosts.filter(({ name }) => holds.get(name)?.isLost() !== false)
    const tried = await Promise.allSettled(missing.map((host) => holdSoon(settings, host)))
    const failures: unknown[] = []
    let isTaken = false
    for (const [index, { name }] of missing.entries()) {
      const result = tried[index]
      holds.delete(name)
      if (result?.status === 'rejected') failures.push(result.reason)
      else if (result?.value) holds.set(name, result.value)
      else isTaken = true
    }
    if (isTaken) {
      await letGo()
      throw new TargetTaken(`another enforcer holds ${settings.target}`)
    }
    if (holds.size === 0) throw failures[0]
    return settings.hosts.flatMap((host) => {
      const held = holds.get(host.name)
      return held === undefined ? [] : [{ host, hold: held }]
    })
  }

  return {
    take: () => inTurn(async () => void (await take())),
    whileHeld: (work) => inTurn(async () => work(await take())),
    release: () => inTurn(letGo),
  }
}

async function holdSoon(
  settings: OpensshSettings,
  host: OpensshHost,
): Promise<Hold | null> {
  const deadline = performance.now() + millisForPredecessor
  for (;;) {
    const held = await hold(settings, host)
    if (held !== null || performance.now() > deadline) return held
    await pause(millisBetweenTries)
  }
}
