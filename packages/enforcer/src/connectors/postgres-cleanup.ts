import type pg from 'pg'
import { becomingRole, oidOf } from './postgres-ending.ts'
import { hasRole } from './postgres-role.ts'
import { type Connect, onSession, quoted, type Session } from './postgres-session.ts'

/** The role is locked out, but cannot be dropped while these stand. */
export class CleanupBlocked extends Error {
  override readonly name = 'CleanupBlocked'
  readonly objects: readonly string[]
  constructor(role: string, objects: readonly string[], options?: ErrorOptions) {
    super(`${role} cannot be dropped: ${objects.join(', ')}`, options)
    this.objects = objects
  }
}

/**
 * Hands what the role owns to `orphanOwner` and drops it. Nothing that a grantee made is ever deleted: it may be
 * the repair, or evidence. Without an `orphanOwner` such objects block the drop, and so does what an owner
 * granted to the login itself: only that owner can take it back. {@link CleanupBlocked} names them all.
 *
 * All of it runs as the role itself, not as the connector, so that whatever the grantee prepared gains nothing.
 */
export async function dropRole(
  connect: Connect,
  role: string,
  orphanOwner: string | undefined,
): Promise<void> {
  await onSession(connect, async (session) => {
    const { db, serverVersion } = session
    if (!(await hasRole(db, role))) return
    await checkEnded(db, role)
    const databases = await databasesHolding(db, role)
    if (databases.length > 0) {
      if (orphanOwner !== undefined)
        await db.query(`grant ${quoted(orphanOwner)} to ${quoted(role)}`)
      const release = () => releaseEverywhere(connect, databases, role, orphanOwner)
      await becomingRole(db, serverVersion, role, release)
      if (orphanOwner !== undefined)
        await db.query(`revoke ${quoted(orphanOwner)} from ${quoted(role)}`)
    }
    await db.query(`drop role ${quoted(role)}`)
  })
}

async function checkEnded(db: pg.Client, role: string): Promise<void> {
  const { rowCount } = await db.query(
    'select from pg_roles where rolname = $1 and rolcanlogin',
    [role],
  )
  if (rowCount !== 0) throw new Error(`${role} still may log in: end it first`)
}

/** Where anything depends on the role; what all databases share is seen from each of them. */
async function databasesHolding(db: pg.Client, role: string): Promise<string[]> {
  const { rows } = await db.query<{ database: string }>(
    `select distinct coalesce(d.datname, current_database())::text as database
     from pg_shdepend s left join pg_database d on d.oid = s.dbid
     where s.refclassid = 'pg_authid'::regclass and s.refobjid = $1 order by 1`,
    [await oidOf(db, role)],
  )
  return rows.map((row) => row.database)
}

async function releaseEverywhere(
  connect: Connect,
  databases: readonly string[],
  role: string,
  orphanOwner: string | undefined,
): Promise<void> {
  const blocking: string[] = []
  for (const database of databases) {
    const left = await onSession(
      connect,
      (there) => release(there, role, orphanOwner),
      database,
    ).catch((error: unknown) => [
      `database ${database} (${error instanceof Error ? error.message : String(error)})`,
    ])
    blocking.push(...left)
  }
  if (blocking.length > 0) throw new CleanupBlocked(role, blocking)
}

/** In one database; answers what still stands in the way. */
async function release(
  { db }: Session,
  role: string,
  orphanOwner: string | undefined,
): Promise<string[]> {
  await db.query(`set role ${quoted(role)}`)
  if (orphanOwner !== undefined)
    await db.query(`reassign owned by ${quoted(role)} to ${quoted(orphanOwner)}`)
  const owned = await dependents(db, role, ['o'])
  if (owned.length > 0) return owned
  // With nothing owned, this only takes back what the role itself may take back.
  await db.query(`drop owned by ${quoted(role)}`)
  return dependents(db, role, ['o', 'a', 'i', 'r'])
}

/** By kind of dependency: owner, privileges, initial privileges, policy (pg_shdepend.deptype). */
async function dependents(
  db: pg.Client,
  role: string,
  kinds: readonly string[],
): Promise<string[]> {
  const { rows } = await db.query<{ object: string }>(
    `select current_database() || ': ' || pg_describe_object(classid, objid, objsubid)
       || case deptype when 'o' then '' else ' (privileges)' end as object
     from pg_shdepend
     where refclassid = 'pg_authid'::regclass and refobjid = $1 and deptype::text = any($2)
       and classid <> 'pg_auth_members'::regclass
       and dbid in (0, (select oid from pg_database where datname = current_database()))
     order by 1`,
    [await oidOf(db, role), kinds],
  )
  return rows.map((row) => row.object)
}
