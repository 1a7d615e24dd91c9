/**
 * Ending many grants at one moment, on one connection: the sessions of all of them are killed, so that they hold no lock; then
 * everybody is locked out; then sessions are killed until two reads find none; then the accounts are dropped. Nothing here waits
 * for a lock. Whoever is not ended by that is ended alone, and keeps nobody else waiting.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { endAccess } from './mariadb-ending.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'
import { inRounds, inTurns } from './rounds.ts'

const roundsAtOnce = 2
const aloneAtOnce = 4
const millisBetweenReads = 20
const millisForSessions = 1_000

/** Ends one account, with all others that wait to be ended at that moment. Throws as `endAccess` does. */
export function endTogether(connect: Connect): (account: string) => Promise<void> {
  const inTurn = inTurns(aloneAtOnce)
  const inRound = inRounds<string, 'ended' | 'left'>(roundsAtOnce, async (accounts) => {
    const ended = accounts.length === 1 ? new Set() : await endAll(connect, accounts)
    return new Map(accounts.map((each) => [each, ended.has(each) ? 'ended' : 'left']))
  })
  return async (account) => {
    if ((await inRound(account)) === 'left')
      await inTurn(() => endAccess(connect, account, 'drop'))
  }
}

/** Answers who was ended. */
async function endAll(
  connect: Connect,
  accounts: readonly string[],
): Promise<ReadonlySet<string>> {
  return onSession(connect, async (session) => {
    await session.query('set session lock_wait_timeout = 0')
    await killAll(session, accounts)
    const locked = await forEach(session, 'lock', accounts)
    const gone = await withoutSessions(session, locked)
    return new Set(await forEach(session, 'drop', gone))
  })
}

/** Answers for whom it succeeded. */
const forEach = (
  session: Session,
  step: 'lock' | 'drop',
  accounts: readonly string[],
): Promise<readonly string[]> => namesOf(session, 'for_each_account', step, accounts)

/** Answers whose sessions it found. */
const killAll = (
  session: Session,
  accounts: readonly string[],
): Promise<readonly string[]> => namesOf(session, 'kill_sessions_of', accounts)

async function namesOf(
  session: Session,
  procedure: string,
  ...values: readonly (string | readonly string[])[]
): Promise<readonly string[]> {
  const texts = values.map((value) =>
    typeof value === 'string' ? value : JSON.stringify(value),
  )
  const [row] = await session.call<{ done: string }>(procedure, ...texts)
  if (row === undefined) throw new Error(`${procedure} says nothing`)
  return typeof row.done === 'string' ? JSON.parse(row.done) : row.done
}

/** Of whom two reads, some time apart, found no session. */
async function withoutSessions(
  session: Session,
  accounts: readonly string[],
): Promise<readonly string[]> {
  const deadline = performance.now() + millisForSessions
  const emptyReads = new Map(accounts.map((account) => [account, 0]))
  for (;;) {
    const waiting = accounts.filter((account) => (emptyReads.get(account) ?? 0) < 2)
    if (waiting.length === 0 || performance.now() > deadline)
      return accounts.filter((account) => !waiting.includes(account))
    const found = new Set(await killAll(session, waiting))
    for (const account of waiting)
      emptyReads.set(account, found.has(account) ? 0 : (emptyReads.get(account) ?? 0) + 1)
    await pause(millisBetweenReads)
  }
}
