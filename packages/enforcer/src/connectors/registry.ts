import type { SecretShelf } from '../store/port.ts'
import type { Connector } from './port.ts'
import { makePostgresConnector } from './postgres.ts'

/** One target's settings as they stand in config.json: references to secrets, never secrets. */
export type ConnectorSettings = Readonly<{ kind: string } & Record<string, unknown>>

/** What the daemon lends a connector. */
export type ConnectorPorts = Readonly<{ shelf: SecretShelf }>

/** Throws with a reason an operator understands when the settings are wrong; reaches nothing yet. */
export type MakeConnector = (
  settings: ConnectorSettings,
  ports: ConnectorPorts,
) => Connector

/** Every kind of target there is. A new one is one file and one line here. */
export const connectors: Readonly<Record<string, MakeConnector>> = {
  postgres: makePostgresConnector,
}
