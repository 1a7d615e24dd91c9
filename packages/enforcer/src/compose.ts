import { currentLog } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { createTransport } from '@halligan/sdk'
import {
  type EnrolledConfig,
  isEnrolled,
  pathsIn,
  readConfig,
  readGuard,
  readKeys,
} from './config.ts'
import type { Connector } from './connectors/port.ts'
import {
  type ConnectorPorts,
  type ConnectorSettings,
  connectors,
} from './connectors/registry.ts'
import { pinnedRoster } from './end-locally.ts'
import { heldIn } from './held.ts'
import { httpControlPlane } from './http-control-plane.ts'
import { hostClock, hostRandom, hostScheduler, joseSealer, jsonLog } from './node-ports.ts'
import type { Site } from './site.ts'
import type { Books } from './store/port.ts'
import { openBooks } from './store/sqlite.ts'
import { openVault } from './store/vault.ts'
import { BadSettings } from './strict-fields.ts'

/** The enforcer of one folder, with real ports. Throws `BadSettings`, or `StateTaken` when it already runs. */
export function composeSite(dir: string): Site {
  const config = readConfig(dir)
  if (!isEnrolled(config))
    throw new BadSettings('not enrolled yet: enroll --trust DIGEST --server URL')
  const guard = readGuard(dir, config)
  const { signer, secretKey } = readKeys(dir)
  const books = openBooks(pathsIn(dir).books, secretKey)
  demandTargets(config, books)
  const clock = hostClock()
  const caller = {
    ...{ estate: config.estate, enforcer: config.enforcer, signer, clock },
    ...{ scheduler: hostScheduler, log: jsonLog },
    origin: () => {
      const roster = pinnedRoster(site)
      return roster === null ? null : currentLog(roster).origin
    },
  }
  const site: Site = {
    ...{ estate: config.estate, enforcer: config.enforcer, pinned: config.rosterDigest },
    ...{ signer, guard, books, clock, crypto: nodeCrypto, log: jsonLog },
    ...{ random: hostRandom, scheduler: hostScheduler, sealer: joseSealer },
    connectors: makeConnectors(config, {
      clock,
      shelf: books.shelf,
      vault: openVault(pathsIn(dir).vault),
      held: heldIn(books),
    }),
    controlPlane: httpControlPlane(createTransport(config.server, fetch), caller),
  }
  return site
}

/** A target that was taken out, or given another name, while grants on it are not over: nobody would end them (EN-22). */
function demandTargets({ targets }: EnrolledConfig, books: Books): void {
  const left = books.unfinished().filter(({ target }) => !Object.hasOwn(targets, target))
  if (left.length === 0) return
  books.close()
  const places = [...new Set(left.map(({ grant, target }) => `${grant} on ${target}`))]
  throw new BadSettings(
    `config.targets: grants are not over on what is no target any more: ${places.slice(0, 5).join(', ')}`,
  )
}

export function makeConnectors(
  { targets }: Pick<EnrolledConfig, 'targets'>,
  ports: ConnectorPorts,
): ReadonlyMap<string, Connector> {
  return new Map(
    Object.entries(targets).map(([target, settings]) => [
      target,
      makeConnector(target, settings, ports),
    ]),
  )
}

function makeConnector(
  target: string,
  settings: ConnectorSettings,
  ports: ConnectorPorts,
): Connector {
  const make = Object.hasOwn(connectors, settings.kind)
    ? connectors[settings.kind]
    : undefined
  if (make === undefined)
    throw new BadSettings(
      `config.targets.${target}: no connector of kind ${settings.kind}; there are ${Object.keys(connectors).join(', ')}`,
    )
  return make({ ...settings, target }, ports)
}
