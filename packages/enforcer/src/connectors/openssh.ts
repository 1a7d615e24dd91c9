import { applyCertificate, resealCertificate } from './openssh-apply.ts'
import { endGrant } from './openssh-ending.ts'
import { evidenceOf } from './openssh-evidence.ts'
import { ask } from './openssh-host.ts'
import { targetLock } from './openssh-lock.ts'
import { remembered } from './openssh-memory.ts'
import { isAdmitted, probeHosts } from './openssh-probe.ts'
import { type OpensshSettings, opensshSettings, refusalOf } from './openssh-settings.ts'
import { differenceOf, takeSnapshot } from './openssh-snapshot.ts'
import { excessOf, standingGrants, strangersOf } from './openssh-strangers.ts'
import type { Connector } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'

/** Hosts that let a short-lived user certificate per grant in, by a CA key that the enforcer holds. */
export const makeOpensshConnector: MakeConnector = (settings, ports) =>
  opensshConnector(opensshSettings(settings), ports)

export function opensshConnector(
  settings: OpensshSettings,
  ports: Pick<ConnectorPorts, 'clock' | 'shelf' | 'held'>,
): Connector {
  const lock = targetLock(settings)
  const own = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }
  const memoryOf = (grant: Parameters<Connector['end']>[0]) =>
    remembered(ports.shelf, grant, settings.target)

  return {
    open: () => lock.take(),
    close: () => lock.release(),
    refuses: (opening) => refusalOf(settings, opening),
    snapshot: async (target) => {
      own(target)
      return takeSnapshot(settings)
    },
    difference: differenceOf,
    apply: async (opening) => {
      own(opening.target)
      return lock.whileHeld((held) => applyCertificate(settings, ports, held, opening))
    },
    reseal: async (grant, target) => {
      own(target)
      return lock.whileHeld((held) => resealCertificate(settings, ports, held, grant))
    },
    probePresent: async (grant, target) => {
      own(target)
      return isAdmitted(settings, memoryOf(grant), grant)
    },
    end: async (grant, target) => {
      own(target)
      await endGrant(settings, memoryOf(grant), grant, ports.clock.read().wall)
    },
    probeAbsent: async (grant, target) => {
      own(target)
      return probeHosts(settings, memoryOf(grant), grant)
    },
    evidence: async (grant, target) => {
      own(target)
      return evidenceOf(settings, grant)
    },
    cleanup: async (grant, target) => {
      own(target)
      await Promise.all(
        settings.hosts.map((host) => ask(settings, host, ['forget', grant])),
      )
      ports.shelf.drop(grant, target)
    },
    standing: async (target) => {
      own(target)
      return standingGrants(settings)
    },
    strangers: async (target) => {
      own(target)
      return strangersOf(settings, ports)
    },
    excess: async (target) => {
      own(target)
      return excessOf(settings, ports.clock)
    },
  }
}
