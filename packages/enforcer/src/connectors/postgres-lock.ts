import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { TargetTaken } from './port.ts'
import { type Connect, isUnanswered, onSession, type Session } from './postgres-session.ts'
import { oneAtATime } from './rounds.ts'

/**
 * One enforcer per target (PROTOCOL 6): a session advisory lock, held by one session from {@link take} on.
 * Everything that opens runs on that very session, so an enforcer which has lost the lock has also lost the
 * means to open, without asking. Ending needs no lock: ending early is always safe.
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

export function targetLock(connect: Connect, target: string): TargetLock {
  const key = keyOf(target)
  let held: Session | null = null
  const inTurn = oneAtATime()

  const lose = (session: Session) => {
    if (held === session) held = null
  }
  /** A peer that does not answer may be gone: its lock is not ours any more to rely on. */
  const drop = async (session: Session) => {
    lose(session)
    await session.db.end().catch(() => undefined)
  }
  const take = async (): Promise<Session> => {
    if (held !== null) return held
    const session = await lockedSession(connect, target, key)
    session.db.on('error', () => lose(session)).on('end', () => lose(session))
    held = session
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
          if (isUnanswered(error)) await drop(session)
          else await session.db.query('select').catch(() => drop(session))
          throw error
        }
      }),
    release: () =>
      inTurn(async () => {
        const session = held
        held = null
        await session?.db.end()
      }),
  }
}

const keyOf = (target: string): bigint =>
  createHash('sha256')
    .update(`halligan/target-lock/v1\0${target}`)
    .digest()
    .readBigInt64BE()

async function lockedSession(
  connect: Connect,
  target: string,
  key: bigint,
): Promise<Session> {
  const session = await connect()
  try {
    const deadline = performance.now() + millisForPredecessor
    while (!(await tryLock(session.db, key))) {
      const intruders = await othersHolding(session.db, key, 'strangers')
      if (intruders.length > 0) await endBackends(connect, intruders)
      else if (performance.now() > deadline)
        throw new TargetTaken(`another enforcer holds ${target}`)
      await pause(millisBetweenTries)
    }
    return session
  } catch (error) {
    await session.db.end().catch(() => undefined)
    throw error
  }
}

/**
 * Advisory locks are per database, so that two enforcers could each hold one: the lock counts only while no
 * other session holds it in any database. Two that see each other both step back and try again.
 */
async function tryLock(db: pg.Client, key: bigint): Promise<boolean> {
  const { rows } = await db.query<{ taken: boolean }>(
    'select pg_try_advisory_lock($1::bigint) as taken',
    [key.toString()],
  )
  if (rows[0]?.taken !== true) return false
  if ((await othersHolding(db, key, 'anyone')).length === 0) return true
  await db.query('select pg_advisory_unlock($1::bigint)', [key.toString()])
  return false
}

/**
 * Whoever may connect may take an advisory lock, a grantee too, and could so keep a restarted enforcer from
 * ending its access. Only the connector's role holds it rightly; any other holder is thrown off.
 */
async function othersHolding(
  db: pg.Client,
  key: bigint,
  whom: 'anyone' | 'strangers',
): Promise<number[]> {
  const { rows } = await db.query<{ pid: number; ours: boolean | null }>(
    `select l.pid, a.usename = session_user as ours
     from pg_locks l left join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.classid = $1::oid and l.objid = $2::oid and l.pid <> pg_backend_pid()`,
    [(BigInt.asUintN(64, key) >> 32n).toString(), BigInt.asUintN(32, key).toString()],
  )
  return rows.filter((row) => whom === 'anyone' || row.ours !== true).map((row) => row.pid)
}

const endBackends = (connect: Connect, pids: readonly number[]): Promise<unknown> =>
  onSession(connect, (session) =>
    asSignaller(session, () =>
      session.db.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
        pids,
      ]),
    ),
  )

/** Before PostgreSQL 16 a NOINHERIT role uses its membership in `pg_signal_backend` only by SET ROLE. */
export async function asSignaller<T>(
  { db, serverVersion }: Session,
  work: () => Promise<T>,
): Promise<T> {
  if (serverVersion >= 160000) return work()
  await db.query('set role pg_signal_backend')
  try {
    return await work()
  } finally {
    await db.query('reset role')
  }
}
