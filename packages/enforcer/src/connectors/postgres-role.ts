import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import type pg from 'pg'
import type { Opening } from './port.ts'
import { logStatements } from './postgres-evidence.ts'
import { scramVerifier } from './postgres-scram.ts'
import { inTransaction, literal, quoted, type Session } from './postgres-session.ts'
import { isIdentifier, type PostgresSettings } from './postgres-settings.ts'
import { TooLate } from './too-late.ts'

export const rolePrefix = 'halligan_g_'

const connectionLimitByDefault = 5

/** Made from the grant alone: applying again after a crash can never make a second identity (K-07). */
export const roleOf = (grant: GrantId): string => rolePrefix + grant.slice('g-'.length)

/** Null for a name that no grant has, whatever it begins with. */
export function grantOf(role: string): GrantId | null {
  if (!role.startsWith(rolePrefix)) return null
  const parsed = parseGrantId(`g-${role.slice(rolePrefix.length)}`)
  return parsed.ok ? parsed.value : null
}

const prefix = 'role:'

/** `role:NAME` in an entitlement means: may do what NAME may, and may become NAME. */
export function rolesNamed(privileges: readonly string[]): string[] {
  return privileges.map((privilege) => {
    if (whyUnknown([privilege]) !== null)
      throw new Error(`not a PostgreSQL privilege: ${privilege}`)
    return privilege.slice(prefix.length)
  })
}

/** Null when all of these name roles. */
export const whyUnknown = (privileges: readonly string[]): 'unknown_privilege' | null =>
  privileges.every(
    (one) => one.startsWith(prefix) && isIdentifier(one.slice(prefix.length)),
  )
    ? null
    : 'unknown_privilege'

export type Membership = Readonly<{ role: string; member: string; grantor: string }>

/**
 * Both ways: what each role is in, and who is in it. From PostgreSQL 16 on, whoever makes a role is its
 * administrator, which is neither using it nor becoming it; that one row of the connector is left out.
 */
export async function membershipsOf(
  db: pg.Client,
  roles: readonly string[],
): Promise<Membership[]> {
  const { rows } = await db.query<Membership>(
    `select r.rolname as role, u.rolname as member, g.rolname as grantor
     from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
     left join pg_roles g on g.oid = m.grantor
     where (r.rolname = any($1) or u.rolname = any($1)) and not ${administersOnly('m')}
     order by 1, 2, 3`,
    [roles],
  )
  return rows
}

/** SQL: the row of `pg_auth_members` only lets the connector administer a role it made. */
export const administersOnly = (row: string): string =>
  `(${row}.member = (select oid from pg_roles where rolname = session_user)
    and to_jsonb(${row}) ->> 'inherit_option' = 'false' and to_jsonb(${row}) ->> 'set_option' = 'false')`

/**
 * Makes the login, or makes an existing one so again, in one transaction that holds only if the target's own
 * clock is before `applyBefore` at its start and at its end. Throws {@link TooLate}.
 */
export async function applyRole(
  session: Session,
  settings: PostgresSettings,
  opening: Opening,
  password: string,
): Promise<void> {
  const { db } = session
  const role = roleOf(opening.grant)
  const wanted = rolesNamed(opening.privileges)
  return inTime(db, opening.applyBefore, role, async () => {
    if (settings.unendable !== true) await checkEndable(db, wanted)
    await writeLogin(db, role, settings, opening, password)
    await writeMemberships(session, role, wanted)
  })
}

/**
 * `work` on the login `role` as one transaction, undone when the target's clock passes `applyBefore` meanwhile. Throws
 * {@link TooLate}.
 */
export const inTime = (
  db: pg.Client,
  applyBefore: Instant,
  role: string,
  work: () => Promise<void>,
): Promise<void> =>
  inTransaction(db, async () => {
    // By this name an ending finds a transaction whose commit is late, and ends it first.
    await db.query(`set local application_name = ${literal(role)}`)
    await checkClock(db, applyBefore)
    await work()
    await checkClock(db, applyBefore)
  })

/** Throws {@link TooLate}. */
export async function checkClock(db: pg.Client, applyBefore: Instant): Promise<void> {
  const now = await targetNow(db)
  if (now >= applyBefore) throw new TooLate(now)
}

/** The target's own clock, whole milliseconds. */
export async function targetNow(db: pg.Client): Promise<Instant> {
  const { rows } = await db.query<{ now: string }>(
    'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now',
  )
  return Number(rows[0]?.now) as Instant
}

async function writeLogin(
  db: pg.Client,
  role: string,
  settings: PostgresSettings,
  opening: Opening,
  password: string,
): Promise<void> {
  const verb = (await hasRole(db, role)) ? 'alter' : 'create'
  const limit = settings.connectionLimit ?? connectionLimitByDefault
  const until = new Date(opening.deadline).toISOString()
  await db.query(
    `${verb} role ${quoted(role)} login inherit connection limit ${limit}
     password ${literal(scramVerifier(password))} valid until ${literal(until)}`,
  )
  if (settings.evidence !== undefined) await logStatements(db, role, opening.grant)
}

async function writeMemberships(
  { db, serverVersion }: Session,
  role: string,
  wanted: readonly string[],
): Promise<void> {
  for (const has of await membershipsOf(db, [role])) {
    if (has.member === role && wanted.includes(has.role)) continue
    await db.query(`revoke ${quoted(has.role)} from ${quoted(has.member)} cascade`)
  }
  const options = serverVersion < 160000 ? '' : 'with inherit true, set true'
  for (const name of wanted)
    await db.query(`grant ${quoted(name)} to ${quoted(role)} ${options}`)
}

export const hasRole = async (db: pg.Client, role: string): Promise<boolean> =>
  (await db.query('select from pg_roles where rolname = $1', [role])).rowCount === 1

/** The second lock, for roles that became so after policy looked. */
export async function checkEndable(
  db: pg.Client,
  wanted: readonly string[],
): Promise<void> {
  const found = await unendableAmong(db, wanted)
  if (found.length > 0) throw new Error(`cannot be ended again: ${found.join(', ')}`)
}

/**
 * Roles reached from these through which a grantee could stay after every ending: by means that no catalog shows, or in
 * another login, to which it may pass a role on. Policy refuses those it can name.
 */
export async function unendableAmong(
  db: pg.Client,
  wanted: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await db.query<{ rolname: string }>(
    `with recursive reached as (
       select oid from pg_roles where rolname = any($1)
       union select m.roleid from pg_auth_members m join reached on reached.oid = m.member)
     select rolname from pg_roles join reached using (oid)
     where rolsuper or rolcreaterole or rolreplication
       or rolname in ('pg_execute_server_program', 'pg_write_server_files')
       or exists (select from pg_auth_members given where given.member = pg_roles.oid and given.admin_option)
     order by 1`,
    [wanted],
  )
  return rows.map((row) => row.rolname)
}

/** A new password for a login that still may log in. Throws when it may not: an ending has begun. */
export async function resealRole(
  db: pg.Client,
  role: string,
  password: string,
): Promise<void> {
  await inTransaction(db, async () => {
    await db.query(
      `alter role ${quoted(role)} password ${literal(scramVerifier(password))}`,
    )
    const { rowCount } = await db.query(
      'select from pg_roles where rolname = $1 and rolcanlogin and rolvaliduntil > clock_timestamp()',
      [role],
    )
    if (rowCount !== 1) throw new Error(`${role} may not log in any more`)
  })
}

/** Login and memberships stand, and the deadline has not passed at the target. */
export async function roleStands(db: pg.Client, role: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_roles u where rolname = $1 and rolcanlogin and rolvaliduntil > clock_timestamp()
     and exists (select from pg_auth_members m where m.member = u.oid)`,
    [role],
  )
  return rowCount === 1
}

/** Logins of ours that can log in or are a member of something, or somebody of them. */
export async function standingRoles(db: pg.Client): Promise<string[]> {
  const { rows } = await db.query<{ rolname: string }>(
    `select rolname from pg_roles u where starts_with(rolname::text, $1) and (rolcanlogin or exists (
       select from pg_auth_members m where u.oid in (m.member, m.roleid) and not ${administersOnly('m')}))
     order by 1`,
    [rolePrefix],
  )
  return rows.map((row) => row.rolname)
}
