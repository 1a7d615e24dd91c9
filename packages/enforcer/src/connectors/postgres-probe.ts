import type { Instant, ProbeResult } from '@halligan/core'
import pg from 'pg'
import { withLogin } from './login-reading.ts'
import { isSessionOf } from './postgres-ending.ts'
import { loginConfig } from './postgres-login.ts'
import { administersOnly } from './postgres-role.ts'
import { type Connect, onSession, type Session, sqlState } from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import { inRounds, inTurns } from './rounds.ts'

type Readings = Readonly<{
  role: string
  pg_authid: boolean
  pg_auth_members: boolean
  pg_stat_activity: boolean
  pg_prepared_xacts: boolean
  pg_replication_slots: boolean
  now: string
}>

/**
 * What the catalog says of each role, and the catalog decides (PROTOCOL 8). `pg_authid` is read through `pg_roles`, which
 * shows everything of it but passwords. A replication slot has no owner: it is of the role while a session of
 * the role uses it, and one left behind is for the persistence diff.
 */
export async function probeCatalog(
  { db }: Session,
  roles: readonly string[],
): Promise<ReadonlyMap<string, readonly ProbeResult[]>> {
  const isSession = isSessionOf('a', 'w.oid', 'w.role')
  const { rows } = await db.query<Readings>(
    `with asked as materialized (
       select named.role, r.oid from unnest($1::text[]) named(role)
       left join pg_roles r on r.rolname = named.role),
     active as materialized (select * from pg_stat_activity)
     select w.role,
       not exists (select from pg_roles where rolname = w.role and rolcanlogin) as pg_authid,
       not exists (select from pg_auth_members m where w.oid in (m.member, m.roleid)
         and not ${administersOnly('m')}) as pg_auth_members,
       not exists (select from active a where ${isSession}) as pg_stat_activity,
       not exists (select from pg_prepared_xacts where owner = w.role) as pg_prepared_xacts,
       not exists (select from pg_replication_slots s join active a on a.pid = s.active_pid
         where ${isSession}) as pg_replication_slots,
       floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now
     from asked w`,
    [roles],
  )
  return new Map(
    rows.map(({ role, now, ...probes }) => [
      role,
      Object.entries(probes).map(([probe, absent]) => ({
        probe,
        absent,
        at: Number(now) as Instant,
      })),
    ]),
  )
}

const roundsAtOnce = 2
const loginsAtOnce = 4
/** Each costs PostgreSQL a process and both sides a key exchange: many would delay what they are evidence of. */
const loginsWaitingAtMost = 32

/**
 * Probes one role, with all others that wait to be probed at that moment: on one connection, opened after the last of
 * them was asked for.
 */
export function probeTogether(
  connect: Connect,
  settings: PostgresSettings,
): (role: string, password: string | null) => Promise<readonly ProbeResult[]> {
  const inRound = inRounds<string, readonly ProbeResult[]>(roundsAtOnce, (roles) =>
    onSession(connect, (session) => probeCatalog(session, roles)),
  )
  const inTurn = inTurns(loginsAtOnce, loginsWaitingAtMost)
  return async (role, password) => {
    const catalog = await inRound(role)
    return withLogin(catalog, password, (secret) =>
      inTurn(() => probeLogin(loginConfig(settings, role, secret), timeOf(catalog))),
    )
  }
}

/** One query reads them all at one time. */
export const timeOf = ([first]: readonly ProbeResult[]): Instant => {
  if (first === undefined) throw new Error('the catalog says nothing')
  return first.at
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
