import type { GrantId } from '@halligan/core'
import type { Clock } from '../ports.ts'
import type { SecretShelf, Vault } from '../store/port.ts'
import { makeLdapConnector } from './ldap.ts'
import { makeLinuxConnector } from './linux.ts'
import { makeMariadbConnector } from './mariadb.ts'
import { makeOpensshConnector } from './openssh.ts'
import type { Connector, Held } from './port.ts'
import { makePostgresConnector } from './postgres.ts'
import { makeRedisConnector } from './redis.ts'
import { makeWebhookConnector } from './webhook.ts'

/** One target's settings as they stand in config.json: references to secrets, never secrets. */
export type ConnectorSettings = Readonly<{ kind: string } & Record<string, unknown>>

/** What the daemon lends a connector. */
export type ConnectorPorts = Readonly<{
  /** Of the enforcer's host. What may still be applied is judged by the target's own. */
  clock: Clock
  shelf: SecretShelf
  vault: Vault
  /**
   * Every unfinished grant on the target, read anew at each call. A grant stands here before its `apply` is called and until
   * after its `cleanup`: whoever reads this and acts on it in one go per account never takes away what another grant holds.
   * Given a grant, at most that one: with ten thousand of them, looking through all for each would take seconds.
   */
  held(target: string, grant?: GrantId): readonly Held[]
}>

/** Throws with a reason an operator understands when the settings are wrong; reaches nothing yet. */
export type MakeConnector = (
  settings: ConnectorSettings,
  ports: ConnectorPorts,
) => Connector

/** Every kind of target there is. A new one is one line here. */
export const connectors: Readonly<Record<string, MakeConnector>> = {
  ldap: makeLdapConnector,
  linux: makeLinuxConnector,
  mariadb: makeMariadbConnector,
  openssh: makeOpensshConnector,
  postgres: makePostgresConnector,
  redis: makeRedisConnector,
  webhook: makeWebhookConnector,
}
