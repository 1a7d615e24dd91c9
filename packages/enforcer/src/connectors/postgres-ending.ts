/**
 * Ending access at PostgreSQL (PROTOCOL 8): lock out, revoke, terminate and wait, again until it holds.
 *
 * The grantee is hostile and connected. It may hold row locks in the catalog by an open transaction that
 * changes its own password, may leave such a transaction prepared, and may reconnect between any two steps.
 * So its sessions are ended *while* a step waits, every step is tried whatever became of the one before, and
 * the whole is repeated.
 *
 * @module
 */
import type pg from 'pg'
import { type Insist, untilItHolds, untilNobody, whileForcing } from './ending.ts'
import { asSignaller } from './postgres-lock.ts'
import { hasRole, membershipsOf } from './postgres-role.ts'
import {
  type Connect,
  onSession,
  quoted,
  type Session,
  sqlState,
} from './postgres-session.ts'

const roundsAtMost = 3
const paceOfSessions = { millisAtMost: 8_000, millisBetween: 25 }

/**
 * What a login is to the grant. `own`: made for it, and all that it is goes with it. `shared`: it was there before and will
 * be there after, and only who may be in it now is ended.
 */
export type Tenure = 'own' | 'shared'

/** Throws with every reason when it did not hold; then it is to be called again. */
export async function endAccess(
  connect: Connect,
  role: string,
  tenure: Tenure = 'own',
): Promise<void> {
  await onSession(connect, (session) =>
    untilItHolds(role, roundsAtMost, () => endOnce(connect, session, role, tenure)),
  )
}

/** `oid` is null once there is no such role, or not yet. */
type Login = Readonly<{ role: string; oid: number | null }>

/** Every step of the ending once; answers what failed. */
async function endOnce(
  connect: Connect,
  session: Session,
  role: string,
  tenure: Tenure,
): Promise<readonly unknown[]> {
  const { db } = session
  const login = { role, oid: await oidOf(db, role) }
  const force = (insist: Insist) =>
    onSession(connect, (signaller) => insist(() => terminateSessions(signaller, login)))
  const removing = tenure === 'own' ? [() => removeMemberships(session, role)] : []
  const steps =
    login.oid === null
      ? []
      : [
          () => lockOut(db, role, tenure),
          ...removing,
          () => rollBackPrepared(connect, session, role),
        ]
  const failures: unknown[] = []
  for (const step of steps)
    await whileForcing(step(), force).catch((failure) => failures.push(failure))
  await sessionsGone(session, login).catch((failure) => failures.push(failure))
  return failures
}

export async function oidOf(db: pg.Client, role: string): Promise<number | null> {
  const { rows } = await db.query<{ oid: number }>(
    'select oid from pg_roles where rolname = $1',
    [role],
  )
  return rows[0]?.oid ?? null
}

/** Its own password is the one thing of a role that a grantee can change, so that it is taken away as well. */
export const lockingOut = (role: string): string =>
  `alter role ${quoted(role)} nologin connection limit 0 password null`

async function lockOut(db: pg.Client, role: string, tenure: Tenure): Promise<void> {
  // A shared account's limit is its owner's, and rotation would not know it again.
  const statement = `alter role ${quoted(role)} nologin password null`
  await db.query(tenure === 'own' ? lockingOut(role) : statement)
}

/**
 * SQL: the row of `pg_stat_activity` is a session of the role with this oid and name. `usesysid` is who logged
 * in, whatever it became by SET ROLE since (EN-01). Sessions outlive a role that was dropped by hand, and then
 * nothing says whose they were: every session of a role that is no more counts (C-05). So does a transaction of our
 * own that is still applying this very grant: its commit may be on its way, and would come after the end (INV-11).
 */
export const isSessionOf = (row: string, oid: string, name: string): string =>
  `(${row}.usesysid = ${oid}
    or (${row}.usename = session_user and ${row}.application_name = ${name})
    or (${row}.usesysid <> 0 and not exists (select from pg_roles known where known.oid = ${row}.usesysid)))`

/** Answers how many sessions it found. */
async function terminateSessions(session: Session, login: Login): Promise<number> {
  const { rowCount } = await asSignaller(session, () =>
    session.db.query(
      `select pg_terminate_backend(a.pid) from pg_stat_activity a where ${isSessionOf('a', '$1::oid', '$2')}`,
      [login.oid, login.role],
    ),
  )
  return rowCount ?? 0
}

const sessionsGone = (session: Session, login: Login): Promise<void> =>
  untilNobody(() => terminateSessions(session, login), paceOfSessions)

/**
 * Out of every role and everybody out of it. A membership that somebody else granted cannot be revoked by us
 * from PostgreSQL 16 on; dropping the role takes it along, whoever granted it.
 */
async function removeMemberships(
  { db, serverVersion }: Session,
  role: string,
): Promise<void> {
  for (const { role: group, member, grantor } of await membershipsOf(db, [role])) {
    const by = serverVersion < 160000 ? '' : `granted by ${quoted(grantor)}`
    await db
      .query(`revoke ${quoted(group)} from ${quoted(member)} ${by} cascade`)
      .catch(unlessForbidden)
  }
  const left = await membershipsOf(db, [role])
  if (left.length > 0) await db.query(`drop role ${quoted(role)}`)
}

const insufficientPrivilege = '42501'

function unlessForbidden(error: unknown): void {
  if (sqlState(error) !== insufficientPrivilege) throw error
}

/**
 * A prepared transaction keeps its locks with no session at all. Only its owner may roll it back, in its own
 * database: the connector becomes the role for that long.
 */
async function rollBackPrepared(
  connect: Connect,
  { db, serverVersion }: Session,
  role: string,
): Promise<void> {
  const { rows } = await db.query<{ gid: string; database: string }>(
    'select gid, database from pg_prepared_xacts where owner = $1',
    [role],
  )
  if (rows.length === 0 || !(await hasRole(db, role))) return
  await becomingRole(db, serverVersion, role, async () => {
    for (const { gid, database } of rows)
      await onSession(
        connect,
        async (there) => {
          await there.db.query(`set role ${quoted(role)}`)
          await there.db.query(`rollback prepared ${there.db.escapeLiteral(gid)}`)
        },
        database,
      )
  })
}

/** Lets the connector SET ROLE to a login of ours during `work`, and never inherit it. */
export async function becomingRole(
  db: pg.Client,
  serverVersion: number,
  role: string,
  work: () => Promise<void>,
): Promise<void> {
  const options = serverVersion < 160000 ? '' : 'with inherit false, set true'
  await db.query(`grant ${quoted(role)} to session_user ${options}`)
  try {
    await work()
  } finally {
    await db.query(`revoke ${quoted(role)} from session_user`)
  }
}
