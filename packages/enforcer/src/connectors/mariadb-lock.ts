import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Connect, type Session, secondsUntilLost, tryLock } from './mariadb-session.ts'
import { TargetTaken } from './port.ts'

/**
 * One enforcer per target (PROTOCOL 6): `GET_LOCK`, held by one session from {@link take} on. Everything that opens runs on
 * that very session, so an enforcer which has lost the lock has also lost the means to open, without asking. Ending needs no
 * lock: ending early is always safe.
 */
export type TargetLock = Readonly<{
  /** Throws {@link TargetTaken}. */
  take(): Promise<void>
  /** One piece of work at a time. Takes the lock again first, if it was lost. */
  whileHeld<T>(work: (session: Session) => Promise<T>): Promise<T>
  release(): Promise<void>
}>

/** A predecessor that was killed is gone from the target a moment after its socket. */
const millisForPredecessor = 1_000
const millisBetweenTries = 50
const millisBetweenBeats = (secondsUntilLost * 1000) / 4

export function targetLock(connect: Connect, target: string): TargetLock {
  const name = lockName(target)
  let held: Session | null = null
  let beat: NodeJS.Timeout | undefined
  let queue: Promise<unknown> = Promise.resolve()

  const lose = (session: Session) => {
    if (held !== session) return
    held = null
    clearInterval(beat)
  }
  /** A peer that does not answer may be gone: its lock is not ours any more to rely on. */
  const drop = async (session: Session) => {
    lose(session)
    await session.close()
  }
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }
  const check = (session: Session) => session.query('select 1').catch(() => drop(session))
  const take = async (): Promise<Session> => {
    if (held !== null) return held
    const session = await lockedSession(connect, target, name)
    session.db.on('error', () => lose(session)).on('end', () => lose(session))
    held = session
    // The target closes a session that says nothing, and with it goes the lock.
    beat = setInterval(() => void inTurn(() => check(session)), millisBetweenBeats)
    beat.unref()
    return session
  }

  return {
    take: () => inTurn(async () => void (await take())),
    whileHeld: (work) =>
      inTurn(async () => {
        const session = await take()
        try {
          return await work(session)
        } catch (error) {
          await check(session)
          throw error
        }
      }),
    release: () =>
      inTurn(async () => {
        const session = held
        if (session !== null) await drop(session)
      }),
  }
}

/** The name of a lock has at most 64 characters. */
const lockName = (target: string): string =>
  `halligan/${createHash('sha256').update(target).digest('hex').slice(0, 40)}`

async function lockedSession(
  connect: Connect,
  target: string,
  name: string,
): Promise<Session> {
  const session = await connect()
  try {
    const deadline = performance.now() + millisForPredecessor
    while (!(await tryLock(session, name))) {
      await session.call('free_lock', name)
      if (performance.now() > deadline)
        throw new TargetTaken(`another enforcer holds ${target}`)
      await pause(millisBetweenTries)
    }
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}
