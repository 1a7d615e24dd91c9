import type { Crypto } from '@halligan/ledger'
import type { Connector } from '../../packages/enforcer/src/connectors/port.ts'
import type { ConnectorPorts } from '../../packages/enforcer/src/connectors/registry.ts'
import type { Clock, Sealer } from '../../packages/enforcer/src/ports.ts'
import type { Books, Vault } from '../../packages/enforcer/src/store/port.ts'
import type { AnchorFile } from '../../packages/server/src/anchor.ts'
import type { SqliteStore } from '../../packages/server/src/store/sqlite.ts'
import type { FaultName } from './faults.ts'
import type { Answering } from './network.ts'
import type { World } from './world.ts'

/** What may be put between the product and its ports. A simulation without a bug puts nothing there. */
export type Bug = Readonly<{
  store?(store: SqliteStore, world: World): SqliteStore
  serverCrypto?: Crypto
  anchor?(file: AnchorFile, path: string): AnchorFile
  /** What stands before the server. */
  front?(answer: Answering, world: World): Answering
  books?(books: Books, enforcer: string): Books
  vault?(vault: Vault): Vault
  /** What a connector is told of the grants on its target. */
  held?(held: ConnectorPorts['held']): ConnectorPorts['held']
  connector?(connector: Connector, target: string, world: World): Connector
  /** Around all connectors of one enforcer. */
  connectors?(
    connectors: ReadonlyMap<string, Connector>,
    world: World,
  ): ReadonlyMap<string, Connector>
  enforcerClock?(clock: Clock): Clock
  sealer?(sealer: Sealer): Sealer
}>

export const noBug: Bug = {}

export type Mutant = Readonly<{
  /** The invariant that it breaks, and whose check has to say so. */
  invariant: number
  /** The bug, in words. */
  name: string
  bug: Bug
  /** Which faults it takes to show. */
  faults: readonly FaultName[]
}>
