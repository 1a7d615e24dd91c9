/**
 * What an opening would fail for, found before the night it is needed. Nothing is made or changed to find out.
 *
 * @module
 */
import type pg from 'pg'
import { lacksForLogging } from './postgres-evidence.ts'
import { rolesNamed, unendableAmong, whyUnknown } from './postgres-role.ts'
import type { Session } from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'

/** In words. Privileges that name no role are not its matter. */
export async function lacksOf(
  { db, serverVersion }: Session,
  { accounts = [], evidence, unendable }: PostgresSettings,
  privileges: readonly string[],
): Promise<readonly string[]> {
  const roles = rolesNamed(privileges.filter((one) => whyUnknown([one]) === null))
  const logging = evidence === undefined ? [] : await lacksForLogging(db)
  const lasting = unendable === true ? [] : await unendableAmong(db, roles)
  return [
    ...(await notConferrable(db, serverVersion, [...roles, ...accounts])),
    ...lasting.map((role) => `access by ${role} cannot be ended again`),
    ...logging,
  ]
}

/** Before PostgreSQL 16 CREATEROLE confers every role that is no superuser. */
async function notConferrable(
  db: pg.Client,
  serverVersion: number,
  names: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string; exists: boolean }>(
    `select name, r.oid is not null as exists
     from unnest($1::text[]) as name left join pg_roles r on r.rolname = name
     join pg_roles me on me.rolname = session_user
     where r.oid is null or not (pg_has_role(me.oid, r.oid, 'MEMBER WITH ADMIN OPTION')
       or $2 and me.rolcreaterole and not r.rolsuper)
     order by name`,
    [names, serverVersion < 160000],
  )
  return rows.map(({ name, exists }) =>
    exists
      ? `the connector's role has no ADMIN OPTION on ${name}`
      : `there is no role ${name}`,
  )
}
