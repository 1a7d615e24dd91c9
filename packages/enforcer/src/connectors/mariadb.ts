import type { GrantId } from '@halligan/core'
import { accountConnector } from './account-connector.ts'
import { accountNotesIn } from './account-note.ts'
import { sharedAccounts } from './check-out.ts'
import { ownAccounts } from './mariadb-access.ts'
import { grantOf, isLocked, listAccounts, rolesNamed } from './mariadb-account.ts'
import { evidenceOf } from './mariadb-evidence.ts'
import { lacksOf } from './mariadb-lacks.ts'
import { targetLock } from './mariadb-lock.ts'
import { connectWith, onSession } from './mariadb-session.ts'
import { clientConfig, type MariadbSettings, mariadbSettings } from './mariadb-settings.ts'
import { accountAt } from './mariadb-shared.ts'
import { takeSnapshot } from './mariadb-snapshot.ts'
import { excessOf, strangersOf } from './mariadb-strangers.ts'
import type { Connector, Credential } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'

/** One MariaDB server as a target: an account per grant in the roles that it names, or a shared account checked out. */
export const makeMariadbConnector: MakeConnector = (settings, ports) =>
  mariadbConnector(mariadbSettings(settings), ports)

export function mariadbConnector(
  settings: MariadbSettings,
  { clock, shelf, vault, held: heldAt }: ConnectorPorts,
): Connector {
  const { target, accounts = [] } = settings
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
    own: ownAccounts({ connect, settings, lock, notes }),
    endsAtOnce: 200,
    whyUnknown: (privileges) =>
      rolesNamed(privileges) === null ? 'unknown_privilege' : null,
    credentialOf: (user, password) => credentialOf(settings, user, password),
    /** Of grants' own: those that may log in or still have a role. */
    open: async () => {
      const listed = await onSession(connect, listAccounts)
      const own = listed
        .filter((each) => !isLocked(each) || each.roles > 0)
        .map(({ user }) => grantOf(user))
      const unlocked = listed.filter((each) => !isLocked(each)).map(({ user }) => user)
      return {
        own: own.filter((grant) => grant !== null),
        accounts: accounts.filter((account) => unlocked.includes(account)),
      }
    },
    snapshot: () => takeSnapshot(connect),
    evidence: async (user, grant) =>
      settings.evidence === undefined ? null : evidenceOf(connect, user, grant),
    excess: () => excessOf(connect),
    lacks: (privileges) =>
      onSession(connect, (session) => lacksOf(session, settings, privileges)),
    strangers: () => strangersOf(connect, { accounts, target, vault, held, shared }),
  })
}

/** In the names that the `mariadb` and `mysql` programs read, as far as they read any. */
function credentialOf(
  settings: MariadbSettings,
  user: string,
  password: string,
): Credential {
  const { host = '', port } = clientConfig(settings)
  return {
    MYSQL_HOST: settings.reach?.host ?? host,
    MYSQL_TCP_PORT: String(settings.reach?.port ?? port),
    MYSQL_USER: user,
    MYSQL_PWD: password,
  }
}
