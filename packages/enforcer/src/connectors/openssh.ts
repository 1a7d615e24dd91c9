import { admitting } from './notes.ts'
import { applyCertificate, resealCertificate } from './openssh-apply.ts'
import { endGrant } from './openssh-ending.ts'
import { evidenceOf } from './openssh-evidence.ts'
import { ask } from './openssh-host.ts'
import { lacksOf } from './openssh-lacks.ts'
import { targetLock } from './openssh-lock.ts'
import { memoriesIn } from './openssh-memory.ts'
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
  const { clock } = ports
  const lock = targetLock(settings)
  const memories = memoriesIn(ports.shelf, settings.target)
  const held = () => ports.held(settings.target)
  const own = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }

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
      memories.mustBeReadable(opening.grant)
      return lock.whileHeld((hosts) =>
        applyCertificate(settings, { clock, memories }, hosts, opening),
      )
    },
    reseal: async (grant, target) => {
      own(target)
      memories.mustBeReadable(grant)
      return lock.whileHeld((hosts) =>
        resealCertificate(settings, { clock, memories }, hosts, grant),
      )
    },
    probePresent: async (grant, target) => {
      own(target)
      return isAdmitted(settings, memories.of(grant), grant)
    },
    end: async (grant, target) => {
      own(target)
      await endGrant(settings, memories.of(grant), grant, clock.read().wall)
    },
    probeAbsent: async (grant, target) => {
      own(target)
      const readings = await probeHosts(settings, memories.of(grant), grant)
      return admitting(memories, grant, readings)
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
      memories.drop(grant)
    },
    standing: async (target) => {
      own(target)
      return standingGrants(settings)
    },
    strangers: async (target) => {
      own(target)
      return strangersOf(settings, memories, held())
    },
    unreadable: async (target) => {
      own(target)
      return memories.unreadable(held())
    },
    excess: async (target) => {
      own(target)
      return excessOf(settings, clock)
    },
    lacks: async (target) => {
      own(target)
      return lacksOf(settings)
    },
  }
}
