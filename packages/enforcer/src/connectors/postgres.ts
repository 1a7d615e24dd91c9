import type { GrantId } from '@halligan/core'
import type pg from 'pg'
import type { SecretShelf } from '../store/port.ts'
import type { Applied, Connector, Credential, Opening } from './port.ts'
import { dropRole } from './postgres-cleanup.ts'
import { endAccess } from './postgres-ending.ts'
import { type TargetLock, targetLock } from './postgres-lock.ts'
import { endTogether } from './postgres-mass-ending.ts'
import { probeTogether } from './postgres-probe.ts'
import {
  applyRole,
  grantOf,
  hasRole,
  newPassword,
  resealRole,
  roleOf,
  roleStands,
  standingRoles,
} from './postgres-role.ts'
import { type Connect, connectWith, onSession } from './postgres-session.ts'
import {
  clientConfig,
  type PostgresSettings,
  postgresSettings,
} from './postgres-settings.ts'
import { differenceOf, takeSnapshot } from './postgres-snapshot.ts'
import { excessOf, strangersOf } from './postgres-strangers.ts'
import type { MakeConnector } from './registry.ts'
import { inRounds } from './rounds.ts'

/** One PostgreSQL cluster as a target: a login per grant, in the roles that the grant names. */
export const makePostgresConnector: MakeConnector = (settings, ports) =>
  postgresConnector(postgresSettings(settings), ports.shelf)

/** `shelf` keeps each password until the login is cleaned up, only to show that it opens nothing any more. */
export function postgresConnector(
  settings: PostgresSettings,
  shelf: SecretShelf,
): Connector {
  const connect = connectWith(settings)
  const lock = targetLock(connect, settings.target)
  const end = endTogether(connect)
  const probe = probeTogether(connect)
  const snapshot = inRounds(
    1,
    async ([target = settings.target]: readonly string[]) =>
      new Map([[target, await takeSnapshot(connect)]]),
  )
  const own = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }

  return {
    endsAtOnce: 500,
    open: () => lock.take(),
    close: () => lock.release(),
    difference: differenceOf,
    snapshot: async (target) => {
      own(target)
      return snapshot(target)
    },
    apply: async (opening) => {
      own(opening.target)
      const password = newPassword()
      shelf.put(opening.grant, opening.target, password)
      return apply(lock, connect, settings, opening, password)
    },
    reseal: async (grant, target) => {
      own(target)
      const password = newPassword()
      await lock.whileHeld(({ db }) => resealRole(db, roleOf(grant), password))
      shelf.put(grant, target, password)
      return credentialOf(settings, grant, password)
    },
    probePresent: async (grant, target) => {
      own(target)
      return onSession(connect, ({ db }) => roleStands(db, roleOf(grant)))
    },
    end: async (grant, target) => {
      own(target)
      await end(roleOf(grant))
    },
    probeAbsent: async (grant, target) => {
      own(target)
      return probe(roleOf(grant), () => {
        const password = shelf.get(grant, target)
        return password === null ? null : loginConfig(settings, grant, password)
      })
    },
    cleanup: async (grant, target) => {
      own(target)
      await dropRole(connect, roleOf(grant), settings.orphanOwner)
      shelf.drop(grant, target)
    },
    standing: async (target) => {
      own(target)
      const roles = await onSession(connect, ({ db }) => standingRoles(db))
      return roles.map(grantOf).filter((grant) => grant !== null)
    },
    excess: async (target) => {
      own(target)
      return onSession(connect, excessOf)
    },
    strangers: async (target) => {
      own(target)
      return onSession(connect, ({ db }) => strangersOf(db))
    },
  }
}

/** Too late also ends what an earlier attempt may have made: ending early is always safe. */
async function apply(
  lock: TargetLock,
  connect: Connect,
  settings: PostgresSettings,
  opening: Opening,
  password: string,
): Promise<Applied> {
  const role = roleOf(opening.grant)
  return lock.whileHeld(async (session) => {
    const outcome = await applyRole(session, settings, opening, password)
    if (outcome === 'applied')
      return {
        kind: 'applied',
        credential: credentialOf(settings, opening.grant, password),
      }
    if (await hasRole(session.db, role)) await endAccess(connect, role)
    return { kind: 'too_late', targetNow: outcome.lateAt }
  })
}

/** In libpq's own names, so that `psql` needs nothing but this environment. */
function credentialOf(
  settings: PostgresSettings,
  grant: GrantId,
  password: string,
): Credential {
  const { host, port, database = '', ssl } = loginConfig(settings, grant, password)
  return {
    PGHOST: settings.reach?.host ?? host ?? '',
    PGPORT: String(settings.reach?.port ?? port),
    PGDATABASE: database,
    PGUSER: roleOf(grant),
    PGPASSWORD: password,
    PGSSLMODE: ssl === false ? 'prefer' : 'verify-full',
  }
}

const loginConfig = (
  settings: PostgresSettings,
  grant: GrantId,
  password: string,
): pg.ClientConfig => {
  const { options: _, ...config } = clientConfig(settings)
  return { ...config, user: roleOf(grant), password }
}
