import type { Digest, GrantId, Guard } from '@halligan/core'
import type { Crypto, Signer } from '@halligan/ledger'
import type { Connector } from './connectors/port.ts'
import type { Clock, ControlPlane, Log, Random, Scheduler, Sealer } from './ports.ts'
import type { Books } from './store/port.ts'

/** One enforcer and everything it was given. Nothing else is reached from the verbs in this package. */
export type Site = Readonly<{
  estate: string
  /** The enforcer's id in the roster. */
  enforcer: string
  signer: Signer
  /** The roster digest that the operator pinned; the server is never asked which. */
  pinned: Digest
  guard: Guard
  connectors: ReadonlyMap<string, Connector>
  books: Books
  controlPlane: ControlPlane
  clock: Clock
  random: Random
  scheduler: Scheduler
  sealer: Sealer
  crypto: Crypto
  log: Log
}>

export type Place = Readonly<{ grant: GrantId; target: string }>

export const connectorOf = (site: Site, target: string): Connector => {
  const connector = site.connectors.get(target)
  if (connector === undefined) throw new Error(`no connector for target ${target}`)
  return connector
}
