/**
 * Ending many grants on one connection (PROTOCOL 8), in the order of a single ending: everybody is locked out before
 * anybody's memberships go, and the sessions are read until they are gone. A grantee who is in the way delays nobody:
 * whoever is not ended by the shared steps is ended alone, by {@link endAccess}, which has the means and the patience.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { endAccess, isSessionOf, lockingOut } from './postgres-ending.ts'
import { asSignaller } from './postgres-lock.ts'
import { type Membership, membershipsOf } from './postgres-role.ts'
import { type Connect, onSession, quoted, type Session } from './postgres-session.ts'
import { inRounds, inTurns } from './rounds.ts'

const roundsAtOnce = 2
const aloneAtOnce = 4
/** Few enough that a lock-out waits for little else, enough that the target writes its log to disk seldom. */
const rolesPerTransaction = 25
const millisForLock = 50
const millisBetweenReads = 25
const millisForSessions = 500

/** Ends one role, with all others that are to be ended at that moment. Throws as {@link endAccess} does. */
export function endTogether(connect: Connect): (role: string) => Promise<void> {
  const inRound = inRounds<string, 'ended' | 'left'>(roundsAtOnce, (roles) =>
    onSession(connect, (session) => endRound(session, roles)),
  )
  const alone = inTurns(aloneAtOnce)
  return async (role) => {
    if ((await inRound(role)) === 'left') await alone(() => endAccess(connect, role))
  }
}

async function endRound(
  session: Session,
  roles: readonly string[],
): Promise<ReadonlyMap<string, 'ended' | 'left'>> {
  const left = await endShared(session, roles).catch(async () => {
    // Throws when the target has gone: then nobody is to be tried alone either.
    await session.db.query('select')
    return new Set(roles)
  })
  return new Map(roles.map((role) => [role, left.has(role) ? 'left' : 'ended']))
}

/** Answers who is not ended. */
async function endShared(
  session: Session,
  roles: readonly string[],
): Promise<ReadonlySet<string>> {
  const logins = await loginsOf(session, roles)
  await session.db.query(`set lock_timeout = ${millisForLock}`)
  const open = new Set(await lockOutAll(session, logins))
  await removeAllMemberships(session, roles)
  const held = new Set(await holding(session, roles))
  const inside = new Set(await sessionsLeft(session, logins))
  return new Set(roles.filter((role) => [open, held, inside].some((set) => set.has(role))))
}

/** `oid` is null where there is no such role, or not yet. */
type Login = Readonly<{ role: string; oid: number | null }>

async function loginsOf({ db }: Session, roles: readonly string[]): Promise<Login[]> {
  const { rows } = await db.query<Login>(
    `select w.role, r.oid from unnest($1::text[]) w(role) left join pg_roles r on r.rolname = w.role`,
    [roles],
  )
  return rows
}

/** Answers who is not locked out. Their sessions go first: those hold the locks on which this would wait. */
async function lockOutAll(session: Session, logins: readonly Login[]): Promise<string[]> {
  const roles = logins.filter(({ oid }) => oid !== null).map(({ role }) => role)
  const run = (some: readonly string[]) =>
    session.db.query(some.map((role) => lockingOut(role)).join('; '))
  const free = () => terminateAll(session, logins)
  await free()
  const failed: string[] = []
  for (let at = 0; at < roles.length; at += rolesPerTransaction)
    failed.push(
      ...(await togetherOrEach(roles.slice(at, at + rolesPerTransaction), run, free)),
    )
  return failed
}

/** Several statements in one query are one transaction: after a failure, and `free`, each is tried alone. */
async function togetherOrEach<T>(
  items: readonly T[],
  run: (items: readonly T[]) => Promise<unknown>,
  free: () => Promise<unknown> = async () => undefined,
): Promise<readonly T[]> {
  const works = (some: readonly T[]) =>
    run(some).then(
      () => true,
      () => false,
    )
  if (await works(items)) return []
  const failed: T[] = []
  await free()
  for (const item of items)
    if (!(await works([item]))) {
      failed.push(item)
      await free()
    }
  return failed
}

/** What cannot be revoked stays, and is found by {@link holding}. */
async function removeAllMemberships(
  session: Session,
  roles: readonly string[],
): Promise<void> {
  const memberships = await membershipsOf(session.db, roles)
  const alike = Map.groupBy(memberships, ({ role, grantor }) =>
    JSON.stringify([role, grantor]),
  )
  for (const some of alike.values())
    await togetherOrEach(some, (each) => session.db.query(revoking(session, each)))
}

/** One statement for members of one role by one grantor. */
function revoking({ serverVersion }: Session, some: readonly Membership[]): string {
  const [first] = some
  if (first === undefined) throw new Error('nothing to revoke')
  const members = some.map(({ member }) => quoted(member)).join(', ')
  const by = serverVersion < 160000 ? '' : `granted by ${quoted(first.grantor)}`
  return `revoke ${quoted(first.role)} from ${members} ${by} cascade`
}

/** Who still has a membership or a prepared transaction. */
async function holding({ db }: Session, roles: readonly string[]): Promise<string[]> {
  const memberships = await membershipsOf(db, roles)
  const { rows } = await db.query<{ owner: string }>(
    'select distinct owner from pg_prepared_xacts where owner = any($1)',
    [roles],
  )
  return [
    ...memberships.flatMap(({ role, member }) => [role, member]),
    ...rows.map(({ owner }) => owner),
  ]
}

/** Answers whose sessions it found. */
async function terminateAll(
  session: Session,
  logins: readonly Login[],
): Promise<ReadonlySet<string>> {
  const { rows } = await asSignaller(session, () =>
    session.db.query<{ roles: string[] }>(
      `select pg_terminate_backend(a.pid), array_agg(w.role) as roles
       from pg_stat_activity a
       join unnest($1::text[], $2::oid[]) w(role, oid) on ${isSessionOf('a', 'w.oid', 'w.role')}
       group by a.pid`,
      [logins.map(({ role }) => role), logins.map(({ oid }) => oid)],
    ),
  )
  return new Set(rows.flatMap(({ roles }) => roles))
}

/** Two empty reads, some time apart, as for one. Answers who had none of them in time. */
async function sessionsLeft(
  session: Session,
  logins: readonly Login[],
): Promise<readonly string[]> {
  const deadline = performance.now() + millisForSessions
  let waiting = logins.map((login) => ({ login, emptyReads: 0 }))
  for (;;) {
    const found = await terminateAll(
      session,
      waiting.map(({ login }) => login),
    )
    waiting = waiting
      .map(({ login, emptyReads }) => ({
        login,
        emptyReads: found.has(login.role) ? 0 : emptyReads + 1,
      }))
      .filter(({ emptyReads }) => emptyReads < 2)
    if (waiting.length === 0 || performance.now() > deadline)
      return waiting.map(({ login }) => login.role)
    await pause(millisBetweenReads)
  }
}
