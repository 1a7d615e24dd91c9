import type { Instant, ProbeResult } from '@halligan/core'
import pg from 'pg'
import { isSessionOf, oidOf } from './postgres-ending.ts'
import { administersOnly } from './postgres-role.ts'
import { type Session, sqlState } from './postgres-session.ts'

type Readings = Readonly<{
  pg_authid: boolean
  pg_auth_members: boolean
  pg_stat_activity: boolean
  pg_prepared_xacts: boolean
  pg_replication_slots: boolean
  now: string
}>

/**
 * What the catalog says, and the catalog decides (PROTOCOL 8). `pg_authid` is read through `pg_roles`, which
 * shows everything of it but passwords. A replication slot has no owner: it is of the role while a session of
 * the role uses it, and one left behind is for the persistence diff.
 */
export async function probeCatalog({ db }: Session, role: string): Promise<ProbeResult[]> {
  const { rows } = await db.query<Readings>(
    `select
       not exists (select from pg_roles where rolname = $2 and rolcanlogin) as pg_authid,
       not exists (select from pg_auth_members m where $1::oid in (m.member, m.roleid)
         and not ${administersOnly('m')}) as pg_auth_members,
       not exists (select from pg_stat_activity a where ${isSessionOf('a')}) as pg_stat_activity,
       not exists (select from pg_prepared_xacts where owner = $2) as pg_prepared_xacts,
       not exists (select from pg_replication_slots s join pg_stat_activity a on a.pid = s.active_pid
         where ${isSessionOf('a')}) as pg_replication_slots,
       floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`,
    [await oidOf(db, role), role],
  )
  const [read] = rows
  if (read === undefined) throw new Error('the catalog answered nothing')
  const { now, ...probes } = read
  return Object.entries(probes).map(([probe, absent]) => ({
    probe,
    absent,
    at: Number(now) as Instant,
  }))
}

/**
 * Extra evidence only: the grantee may have changed its password, and PostgreSQL answers a wrong password, an
 * unknown role and NOLOGIN all alike. Null when there was no answer from which anything follows.
 */
export async function probeLogin(
  config: pg.ClientConfig,
  at: Instant,
): Promise<ProbeResult | null> {
  const db = new pg.Client(config)
  db.on('error', () => undefined)
  try {
    await db.connect()
    return { probe: 'login', absent: false, at }
  } catch (error) {
    const refused = sqlState(error)?.startsWith('28') === true
    return refused ? { probe: 'login', absent: true, at } : null
  } finally {
    await db.end().catch(() => undefined)
  }
}
