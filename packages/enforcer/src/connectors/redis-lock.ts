import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Instant } from '@halligan/core'
import { TargetTaken } from './port.ts'
import {
  type Command,
  type Connect,
  listOf,
  type Reply,
  type Session,
  textOf,
} from './redis-session.ts'
import { oneAtATime } from './rounds.ts'
import { TooLate } from './too-late.ts'

/**
 * One enforcer per target (PROTOCOL 6): a key that names the connection which set it, the run of the server and the owner. It is
 * free again when that connection or that run is gone, or when it was not renewed in time, so that neither a crash nor an
 * enforcer that is frozen or cut off keeps it. Ending needs no lock: ending early is always safe.
 *
 * Redis is asked to open only in a transaction that watches this key. So an enforcer that has lost it, whether it knows or
 * not, opens nothing: Redis itself drops the transaction.
 */
export type TargetLock = Readonly<{
  /** Throws {@link TargetTaken}. */
  take(): Promise<void>
  /** One piece of work at a time. Takes the lock again first, if it was lost. */
  whileHeld<T>(work: (held: HeldLock) => Promise<T>): Promise<T>
  release(): Promise<void>
}>

export type HeldLock = Readonly<{
  session: Session
  /** The way to open for `user` before a time of the target's own clock. Throws {@link TooLate}. */
  gate(user: string, before: Instant): Promise<Gate>
}>

export type Gate = Readonly<{
  /**
   * All of `commands` at once, or nothing: only while the lock is held, the target's clock is before the gate's time, and no
   * ending of the user came since the gate was made. Throws {@link TooLate}, {@link Overtaken} or {@link LockLost}.
   */
  open(commands: readonly Command[]): Promise<readonly Reply[]>
}>

/** An ending came in between; nothing was done. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken'
}

export class LockLost extends Error {
  override readonly name = 'LockLost'
}

/** Every key of the connector begins so. */
export const keyPrefix = 'halligan:'

/** Watched by whoever opens for the user, and deleted by whoever ends. Gone by itself at the time before which to open. */
export const fenceOf = (user: string): string => `${keyPrefix}fence:${user}`

const lockKey = (target: string): string =>
  `${keyPrefix}lock:${createHash('sha256').update(target).digest('hex').slice(0, 40)}`

const millisOfLease = 15_000
const millisBetweenBeats = millisOfLease / 5
/** A predecessor that was killed is gone from the target a moment after its socket. */
const millisForPredecessor = 1_000
const millisBetweenTries = 50

/** What is on record of a lock that is held. */
type Mine = Readonly<{ session: Session; key: string; value: string }>

export function targetLock(connect: Connect, target: string): TargetLock {
  const key = lockKey(target)
  let mine: Mine | null = null
  let beat: NodeJS.Timeout | undefined
  const inTurn = oneAtATime()

  const lose = (session: Session) => {
    if (mine?.session !== session) return
    mine = null
    clearInterval(beat)
  }
  const drop = (session: Session) => {
    lose(session)
    session.close()
  }
  /** A peer that does not answer may be gone: its lock is not ours any more to rely on. */
  const renew = () =>
    inTurn(async () => {
      if (mine === null) return
      const { session } = mine
      await renewed(mine).catch(() => drop(session))
    })
  const take = async (): Promise<Mine> => {
    if (mine !== null) return mine
    const taken = await lockedSession(connect, target, key)
    taken.session.onLost(() => lose(taken.session))
    mine = taken
    beat = setInterval(() => void renew(), millisBetweenBeats)
    beat.unref()
    return taken
  }

  return {
    take: () => inTurn(async () => void (await take())),
    whileHeld: (work) =>
      inTurn(async () => {
        const held = await stillHeld(await take(), drop, take)
        const gate: HeldLock['gate'] = (user, before) => gateAt(held, user, before)
        try {
          return await work({ session: held.session, gate })
        } catch (error) {
          await renewed(held).catch(() => drop(held.session))
          throw error
        }
      }),
    release: () =>
      inTurn(async () => {
        if (mine === null) return
        const { session } = mine
        await freed(mine).catch(() => undefined)
        drop(session)
      }),
  }
}

/** Somebody may have deleted the key since the last beat; whoever took it meanwhile keeps it. */
async function stillHeld(
  mine: Mine,
  drop: (session: Session) => void,
  take: () => Promise<Mine>,
): Promise<Mine> {
  try {
    await renewed(mine)
    return mine
  } catch {
    // Whatever it was: taking it anew says so in its own words, when it still is.
    drop(mine.session)
    return take()
  }
}

const renewed = (mine: Mine) =>
  whileOurs(mine, [['PEXPIRE', mine.key, String(millisOfLease)]])

const freed = (mine: Mine) => whileOurs(mine, [['DEL', mine.key]])

async function whileOurs(
  { session, key, value }: Mine,
  commands: readonly Command[],
): Promise<void> {
  await session.ask('WATCH', key)
  const isOurs = (await session.ask('GET', key)) === value
  if (!isOurs) await session.ask('UNWATCH')
  if (!isOurs || (await session.together(commands)) === null)
    throw new LockLost('the lock of the target is lost')
}

async function gateAt(mine: Mine, user: string, before: Instant): Promise<Gate> {
  const { session } = mine
  const fence = fenceOf(user)
  const token = randomBytes(12).toString('base64url')
  const now = await targetNow(session)
  if (now >= before) throw new TooLate(now)
  await session.ask('SET', fence, token, 'PXAT', String(before))
  return { open: (commands) => open({ ...mine, user, before, fence, token }, commands) }
}

type Fenced = Mine &
  Readonly<{ user: string; before: Instant; fence: string; token: string }>

async function open(
  { session, key, value, user, before, fence, token }: Fenced,
  commands: readonly Command[],
): Promise<readonly Reply[]> {
  await session.ask('WATCH', key, fence)
  const [lock, gate] = listOf(await session.ask('MGET', key, fence))
  const isOurs = lock === value && gate === token
  if (!isOurs) await session.ask('UNWATCH')
  const renewal = ['PEXPIRE', key, String(millisOfLease)]
  const replies = isOurs ? await session.together([renewal, ...commands, ['TIME']]) : null
  const now = replies === null ? await targetNow(session) : instantOf(replies.at(-1))
  if (now >= before) throw new TooLate(now)
  if (replies !== null) return replies.slice(1, -1)
  if ((await session.ask('GET', key)) !== value)
    throw new LockLost('the lock of the target is lost')
  throw new Overtaken(`${user} was ended meanwhile`)
}

/** The target's own clock, whole milliseconds. */
export const targetNow = async (session: Session): Promise<Instant> =>
  instantOf(await session.ask('TIME'))

/** Of what `TIME` answers: seconds and microseconds. */
export function instantOf(reply: Reply | undefined): Instant {
  const [seconds, micros] = listOf(reply)
  const millis = Number(textOf(seconds)) * 1000 + Math.floor(Number(textOf(micros)) / 1000)
  if (!Number.isSafeInteger(millis)) throw new Error('Redis says no time')
  return millis as Instant
}

async function lockedSession(connect: Connect, target: string, key: string): Promise<Mine> {
  const session = await connect()
  try {
    const id = String(await session.ask('CLIENT', 'ID'))
    const value = [session.server.runId, id, randomBytes(16).toString('base64url')].join(
      '/',
    )
    const deadline = performance.now() + millisForPredecessor
    while (!(await tryLock(session, key, value))) {
      if (performance.now() > deadline)
        throw new TargetTaken(`another enforcer holds ${target}`)
      await pause(millisBetweenTries)
    }
    return { session, key, value }
  } catch (error) {
    session.close()
    throw error
  }
}

async function tryLock(session: Session, key: string, value: string): Promise<boolean> {
  await session.ask('WATCH', key)
  const holder = await session.ask('GET', key)
  if (holder !== null && (await isAlive(session, textOf(holder)))) {
    await session.ask('UNWATCH')
    return false
  }
  const setting = ['SET', key, value, 'PX', String(millisOfLease)]
  return (await session.together([setting])) !== null
}

/** Numbers of connections are never used again within one run of the server. What nobody can read is held by nobody. */
async function isAlive(session: Session, holder: string): Promise<boolean> {
  const [run, id = ''] = holder.split('/')
  if (run !== session.server.runId || !/^\d+$/.test(id)) return false
  return textOf(await session.ask('CLIENT', 'LIST', 'ID', id)).trim() !== ''
}
