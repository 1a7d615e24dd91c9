/**
 * Ending access at MariaDB: lock out, kill and wait, drop, kill and wait, again until it holds.
 *
 * The grantee is hostile and connected. It may hold a global read lock, locks on tables of `mysql` or long transactions, may
 * be half way through logging in, and may reconnect between any two steps. So its sessions are killed *while* a step waits,
 * every step is tried whatever became of the one before, and the whole is repeated.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Connect, onSession, type Session } from './mariadb-session.ts'

const roundsAtMost = 2
const millisBeforeForce = 150
const millisBetweenForce = 50
const millisBetweenReads = 20
const millisForSessions = 2_500

/** Throws with every reason when it did not hold; then it is to be called again. `keep`: the account is a shared one. */
export async function endAccess(
  connect: Connect,
  account: string,
  what: 'drop' | 'keep',
): Promise<void> {
  await onSession(connect, async (session) => {
    let failures: readonly unknown[] = []
    for (let round = 1; round <= roundsAtMost; round += 1) {
      failures = await endOnce(connect, session, account, what)
      if (failures.length === 0) return
    }
    const reasons = failures.map(reasonOf).join('; ')
    throw new AggregateError(failures, `${account} is not ended: ${reasons}`)
  })
}

const reasonOf = (failure: unknown): string =>
  failure instanceof Error ? failure.message : String(failure)

/** Every step of the ending once; answers what failed. */
async function endOnce(
  connect: Connect,
  session: Session,
  account: string,
  what: 'drop' | 'keep',
): Promise<readonly unknown[]> {
  const statement = (name: string) =>
    whileForcing(connect, account, session.call(name, account))
  const steps = [
    () => statement('lock_account'),
    () => sessionsGone(session, account),
    ...(what === 'keep' ? [] : [() => statement('drop_account')]),
  ]
  const failures: unknown[] = []
  for (const step of steps) await step().catch((failure) => failures.push(failure))
  return failures
}

/** Awaits `step`, and kills the account's sessions when it does not settle soon: they hold the lock it waits for. */
async function whileForcing(
  connect: Connect,
  account: string,
  step: Promise<unknown>,
): Promise<void> {
  let settled = false
  const settle = () => {
    settled = true
  }
  const settling = step.then(settle, settle)
  const patience = new AbortController()
  const waiting = pause(millisBeforeForce, undefined, { signal: patience.signal })
  await Promise.race([settling, waiting])
  patience.abort()
  await waiting.catch(() => undefined)
  if (!settled)
    await onSession(connect, async (killer) => {
      while (!settled) {
        await killSessions(killer, account)
        await Promise.race([settling, pause(millisBetweenForce)])
      }
    })
  await step
}

/** Answers how many sessions it found. */
export async function killSessions(session: Session, account: string): Promise<number> {
  const [row] = await session.call<{ found: number }>('kill_sessions', account)
  if (row === undefined) throw new Error(`nothing is said of sessions of ${account}`)
  return row.found
}

/** Two empty reads, some time apart: a session that was just arriving is not seen by the first. */
export async function sessionsGone(session: Session, account: string): Promise<void> {
  const deadline = performance.now() + millisForSessions
  for (let emptyReads = 0; ; ) {
    const found = await killSessions(session, account)
    emptyReads = found === 0 ? emptyReads + 1 : 0
    if (emptyReads === 2) return
    if (performance.now() > deadline) throw new Error(`${found} sessions do not end`)
    await pause(millisBetweenReads)
  }
}
