/**
 * Ending access at MariaDB: lock out, kill and wait, drop, kill and wait, again until it holds.
 *
 * The grantee is hostile and connected. It may hold a global read lock, locks on tables of `mysql` or long transactions, may
 * be half way through logging in, and may reconnect between any two steps. So its sessions are killed *while* a step waits,
 * every step is tried whatever became of the one before, and the whole is repeated.
 *
 * @module
 */
import { untilItHolds, untilNobody, whileForcing } from './ending.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'

const roundsAtMost = 2
const paceOfSessions = { millisAtMost: 2_500, millisBetween: 20 }

/** Throws with every reason when it did not hold; then it is to be called again. `keep`: the account is a shared one. */
export async function endAccess(
  connect: Connect,
  account: string,
  what: 'drop' | 'keep',
): Promise<void> {
  await onSession(connect, (session) =>
    untilItHolds(account, roundsAtMost, () => endOnce(connect, session, account, what)),
  )
}

/** Every step of the ending once; answers what failed. */
async function endOnce(
  connect: Connect,
  session: Session,
  account: string,
  what: 'drop' | 'keep',
): Promise<readonly unknown[]> {
  const statement = (name: string) =>
    whileForcing(session.call(name, account), (insist) =>
      onSession(connect, (killer) => insist(() => killSessions(killer, account))),
    )
  const steps = [
    () => statement('lock_account'),
    () => sessionsGone(session, account),
    ...(what === 'keep' ? [] : [() => statement('drop_account')]),
  ]
  const failures: unknown[] = []
  for (const step of steps) await step().catch((failure) => failures.push(failure))
  return failures
}

/** Answers how many sessions it found. */
export async function killSessions(session: Session, account: string): Promise<number> {
  const [row] = await session.call<{ found: number }>('kill_sessions', account)
  if (row === undefined) throw new Error(`nothing is said of sessions of ${account}`)
  return row.found
}

export const sessionsGone = (session: Session, account: string): Promise<void> =>
  untilNobody(() => killSessions(session, account), paceOfSessions)
