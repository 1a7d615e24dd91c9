import type pg from 'pg'
import type { Difference, Excess } from './port.ts'
import { grantOf, rolePrefix } from './postgres-role.ts'
import type { Session } from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'

/**
 * What the connector's own rights have made and no grant's login explains: somebody else holds its credential, or
 * used it by hand (EN-26). It only ever confers roles on logins of grants, so whatever else it conferred is foreign:
 * no earlier state is needed to know that. Before PostgreSQL 16 nothing says who made a login.
 */
export async function strangersOf(
  db: pg.Client,
  { accounts = [] }: Pick<PostgresSettings, 'accounts'>,
): Promise<readonly Difference[]> {
  const { rows } = await db.query<{ what: string; object: string; role: string }>(
    `select 'foreign_membership' as what, r.rolname || ' to ' || u.rolname as object, u.rolname as role
     from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
     where m.grantor = (select oid from pg_roles where rolname = session_user)
       and u.rolname <> session_user
     union all
     select 'foreign_login', u.rolname, u.rolname from pg_roles u
     where u.rolcanlogin and (starts_with(u.rolname::text, $1) or exists (
       select from pg_auth_members m where m.roleid = u.oid and m.admin_option
         and m.member = (select oid from pg_roles where rolname = session_user)))
     order by 1, 2`,
    [rolePrefix],
  )
  return rows
    .filter(({ role, what }) => {
      const isKept = what === 'foreign_login' && accounts.includes(role)
      return grantOf(role) === null && !isKept
    })
    .map(({ what, object }) => ({ what, object }))
}

/**
 * What the connector's credential may do beyond its work, for the operator to take away: it is the crown jewel of the
 * enforcer, and should open no data by itself. PostgreSQL 15 cannot withhold SET ROLE, so only inheriting counts there.
 */
export async function excessOf({ db, serverVersion }: Session): Promise<readonly Excess[]> {
  const { rows } = await db.query<{ excess: string }>(
    `select unnest(array_remove(array[
       case when rolsuper then 'is a superuser' end,
       case when rolbypassrls then 'bypasses row security' end,
       case when rolreplication then 'may replicate' end,
       case when rolcreatedb then 'may create databases' end], null)) as excess
     from pg_roles where rolname = session_user
     union all
     select 'has the rights of ' || r.rolname from pg_roles r join pg_roles me on me.rolname = session_user
     where not me.rolsuper and r.rolname not in (session_user, 'pg_signal_backend')
       and (pg_has_role(me.oid, r.oid, 'USAGE') or pg_has_role(me.oid, r.oid, $1))`,
    [serverVersion >= 160000 ? 'SET' : 'USAGE'],
  )
  return rows.map(({ excess }) => ({
    grave: excess !== 'may create databases',
    words: excess,
  }))
}
