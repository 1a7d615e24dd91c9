import type { GrantId } from '@halligan/core'
import { accountConnector } from './account-connector.ts'
import { accountNotesIn } from './account-note.ts'
import { sharedAccounts } from './check-out.ts'
import type { Connector, Credential } from './port.ts'
import { evidenceOf } from './redis-evidence.ts'
import { targetLock } from './redis-lock.ts'
import { ownUsers } from './redis-own.ts'
import { profilesNamed } from './redis-profile.ts'
import { connectWith, onSession } from './redis-session.ts'
import { type RedisSettings, reachOf, redisSettings } from './redis-settings.ts'
import { accountAt } from './redis-shared.ts'
import { takeSnapshot } from './redis-snapshot.ts'
import { excessOf, lacksOf, strangersOf } from './redis-strangers.ts'
import { grantOf, listUsers } from './redis-user.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'

/** One Redis server as a target: a user per grant with the profiles that it names, or a shared account checked out. */
export const makeRedisConnector: MakeConnector = (settings, ports) =>
  redisConnector(redisSettings(settings), ports)

export function redisConnector(
  settings: RedisSettings,
  { clock, shelf, vault, held: heldAt }: ConnectorPorts,
): Connector {
  const { target, accounts = [], profiles = {} } = settings
  const connect = connectWith(settings)
  const lock = targetLock(connect, target)
  const notes = accountNotesIn(shelf, target)
  const held = (grant?: GrantId) => heldAt(target, grant)
  const shared = sharedAccounts(
    { accounts, held, notes, clock },
    accountAt({ connect, settings, lock, vault }),
  )
  return accountConnector({
    ...{ settings, lock, notes, held, shared },
    own: ownUsers({ connect, settings, lock, notes }),
    // Each ending is a few short connections of its own: many of them wait for nobody.
    endsAtOnce: 32,
    whyUnknown: (privileges) =>
      profilesNamed(privileges, profiles) === null ? 'unknown_privilege' : null,
    credentialOf: (user, password) => credentialOf(settings, user, password),
    open: async () => {
      const on = (await onSession(connect, listUsers)).filter(({ isOn }) => isOn)
      const names = on.map(({ name }) => name)
      return {
        own: names.map(grantOf).filter((grant) => grant !== null),
        accounts: accounts.filter((account) => names.includes(account)),
      }
    },
    snapshot: () => takeSnapshot(connect, accounts),
    evidence: (user, grant) => evidenceOf(connect, user, grant),
    excess: () => excessOf(connect, settings),
    lacks: () => lacksOf(connect, settings),
    strangers: () => strangersOf(connect, { accounts, target, vault, held, notes, shared }),
  })
}

/** As redis-cli takes it: `redis-cli -h $REDIS_HOST -p $REDIS_PORT --user $REDIS_USER`, with REDISCLI_AUTH in the environment. */
function credentialOf(settings: RedisSettings, user: string, password: string): Credential {
  const { host, port, isTls } = reachOf(settings)
  return {
    REDIS_HOST: host,
    REDIS_PORT: String(port),
    REDIS_TLS: isTls ? 'verify-full' : 'off',
    REDIS_USER: user,
    REDISCLI_AUTH: password,
  }
}
