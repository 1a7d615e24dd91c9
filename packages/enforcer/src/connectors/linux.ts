import type { GrantId, ProbeResult } from '@halligan/core'
import type { Clock } from '../ports.ts'
import { applyGrant } from './linux-apply.ts'
import { endAccess } from './linux-ending.ts'
import { dropEvidence, endEvidence, evidenceOf } from './linux-evidence.ts'
import { localGroups } from './linux-groups.ts'
import { findAccount, type LinuxHost, thisHost } from './linux-host.ts'
import { lacksOf } from './linux-lacks.ts'
import { hostLock } from './linux-lock.ts'
import { type Note, type Notes, notesIn } from './linux-note.ts'
import { probeAbsence, probePresence } from './linux-probe.ts'
import { type LinuxSettings, linuxSettings, rightsOf } from './linux-settings.ts'
import { differenceOf, takeSnapshot } from './linux-snapshot.ts'
import { excessOf, standingOn, strangersOn } from './linux-strangers.ts'
import { accountInRule, removeRule, ruleTextOf } from './linux-sudoers.ts'
import { admitting, mustBeKnown } from './notes.ts'
import type { Connector, Opening } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { oneAtATimePer } from './rounds.ts'

/** The host that the enforcer runs on, as root: groups and sudo rules for accounts that people have there. */
export const makeLinuxConnector: MakeConnector = (settings, ports) =>
  linuxConnector(linuxSettings(settings), ports)

export function linuxConnector(
  settings: LinuxSettings,
  ports: Pick<ConnectorPorts, 'clock' | 'shelf' | 'held'>,
  host: LinuxHost = thisHost,
): Connector {
  const { clock } = ports
  const lock = hostLock(host)
  const notes = notesIn(settings, ports)
  // What is read of an account's grants and then acted on is one piece of work.
  const inTurn = oneAtATimePer<string>()
  const own = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }
  const accountOf = (grant: GrantId): string => {
    const held = ports.held(settings.target, grant).find((other) => other.grant === grant)
    const known = notes.of(grant)?.account ?? settings.accounts.get(held?.requester ?? '')
    return known ?? accountInRule(ruleTextOf(host, grant) ?? '') ?? ''
  }

  return {
    open: async () => {
      if (process.geteuid?.() !== 0)
        throw new Error('the linux connector changes sudoers and groups: run it as root')
      await lock.take()
    },
    close: () => lock.release(),
    difference: differenceOf,
    snapshot: async (target) => {
      own(target)
      return takeSnapshot(host, settings, notes, ports.held(target))
    },
    refuses: (opening) => whyRefused(settings, opening),
    apply: async (opening) => {
      own(opening.target)
      return inTurn(accountOf(opening.grant), () =>
        lock.whileHeld(() => applyGrant({ host, notes, settings, clock }, opening)),
      )
    },
    reseal: async (grant, target) => {
      own(target)
      notes.mustBeReadable(grant)
      return lock.whileHeld(() => resealed(settings, ports, host, notes, grant))
    },
    probePresent: async (grant, target) => {
      own(target)
      return probePresence(host, grant, await knownOf(host, notes, grant))
    },
    end: async (grant, target) => {
      own(target)
      await inTurn(accountOf(grant), async () => {
        const note = await knownOf(host, notes, grant)
        await endAccess(host, notes, grant, note)
        mustBeWhole(notes, grant, note)
      })
      endEvidence(host, grant, clock.read().wall)
    },
    probeAbsent: async (grant, target) => {
      own(target)
      return absenceOf(host, notes, clock, grant)
    },
    evidence: async (grant, target) => {
      own(target)
      return evidenceOf(host, grant)
    },
    cleanup: async (grant, target) => {
      own(target)
      removeRule(host, grant)
      dropEvidence(host, grant, (account) => notes.others(grant, account))
      notes.drop(grant)
    },
    standing: async (target) => {
      own(target)
      return standingOn(host, notes, ports.held(target))
    },
    strangers: async (target) => {
      own(target)
      return strangersOn(host, settings, notes, ports.held(target))
    },
    unreadable: async (target) => {
      own(target)
      return notes.unreadable(ports.held(target))
    },
    excess: async (target) => {
      own(target)
      return excessOf(settings)
    },
    lacks: async (target) => {
      own(target)
      return lacksOf(host, settings)
    },
  }
}

/** Codes are public, and stand in the receipt. */
function whyRefused(settings: LinuxSettings, opening: Opening): string | null {
  if (rightsOf(settings, opening.privileges) === null) return 'unknown_privilege'
  return settings.accounts.has(opening.requester) ? null : 'no_account'
}

/**
 * What is noted. Of a note that cannot be read, and of a rule that came back after all was forgotten (C-08), what the order, the
 * rule and the name service say: whatever runs through sudo unexplained may then be the grant's work.
 */
async function knownOf(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
): Promise<Note | null> {
  const noted = notes.of(grant)
  if (noted !== null) return noted
  const given = notes.memberships(grant)
  const rule = ruleTextOf(host, grant)
  const name = given?.account ?? accountInRule(rule ?? '')
  const account = name === null ? null : await findAccount(host, name)
  if (account === null) return null
  const groups = localGroups(host).flatMap(({ name, gid }) => {
    const membership = given?.groups[name]
    return membership === undefined ? [] : [[name, { gid, ...membership }] as const]
  })
  const { name: known, uid } = account
  return {
    ...{ account: known, uid, since: { boot: '', ticks: 0 } },
    ...{ groups: Object.fromEntries(groups), rule },
  }
}

/**
 * Throws where the note cannot be read and the host has lost what the order names: of an account or a group that is gone only the
 * note knew the number, and what runs with it could not be found.
 */
function mustBeWhole(notes: Notes, grant: GrantId, known: Note | null): void {
  const given = Object.keys(notes.memberships(grant)?.groups ?? {})
  const isWhole = given.every((group) => Object.hasOwn(known?.groups ?? {}, group))
  mustBeKnown(notes, grant, isWhole ? known : null)
}

async function absenceOf(
  host: LinuxHost,
  notes: Notes,
  clock: Clock,
  grant: GrantId,
): Promise<readonly ProbeResult[]> {
  const note = await knownOf(host, notes, grant)
  mustBeWhole(notes, grant, note)
  const read = await probeAbsence(host, notes, grant, note)
  const at = clock.read().wall
  const readings = read.map(([probe, absent]) => ({ probe, absent, at }))
  return admitting(notes, grant, readings)
}

/** There is no secret to renew: the same words again, for a grant that stands. */
async function resealed(
  settings: LinuxSettings,
  { held }: Pick<ConnectorPorts, 'held'>,
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
) {
  const note = notes.of(grant)
  const stands = held(settings.target, grant).some(
    (other) => other.grant === grant && other.phase === 'standing',
  )
  if (note === null || !stands || !(await probePresence(host, grant, note)))
    throw new Error(`${grant} does not stand on this host`)
  return { LINUX_ACCOUNT: note.account }
}
