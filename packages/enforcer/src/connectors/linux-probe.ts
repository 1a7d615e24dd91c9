import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import { type Holding, holdingStill, remembersPassword } from './linux-ending.ts'
import { groupsAtLogin, isMember } from './linux-groups.ts'
import { findAccount, type LinuxHost } from './linux-host.ts'
import { groupStands, ownGroups } from './linux-membership.ts'
import type { Note, Notes } from './linux-note.ts'
import { runsAnything } from './linux-processes.ts'
import {
  accountInRule,
  grantOfFile,
  listedRules,
  listsDeadline,
  ruleFiles,
  ruleTextOf,
} from './linux-sudoers.ts'

export type Reading = readonly [probe: string, absent: boolean]

/**
 * What the host itself says, read by programs and from files opened after the call. A right that others have given as well
 * is still there: then the reading says by its name that it is only not this grant's.
 */
export async function probeAbsence(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note | null,
): Promise<readonly Reading[]> {
  const readings: Reading[] = [['sudoers_file', ruleTextOf(host, grant) === null]]
  if (note !== null) {
    const { throughGroup, throughSudo } = await readUntilSure(host, note, () =>
      holdingStill(host, notes, grant, note),
    )
    readings.push(
      ...(await accountReadings(host, notes, grant, note)),
      ['group_processes', throughGroup.length === 0],
      ['sudo_processes', throughSudo.length === 0],
    )
  }
  return readings
}

const readsToBeSure = 5
const millisBetweenReads = 15

/**
 * One that starts itself anew all the time may be missed by a reading: where the account runs anything at all, as the kernel
 * says in one go, absence is what several readings agree on.
 */
async function readUntilSure(
  host: LinuxHost,
  note: Note,
  read: () => Promise<Holding>,
): Promise<Holding> {
  let found = await read()
  const isNone = () => found.throughGroup.length + found.throughSudo.length === 0
  if (!isNone() || !(await runsAnything(host, note.uid))) return found
  for (let reads = 1; reads < readsToBeSure && isNone(); reads++) {
    await pause(millisBetweenReads)
    found = await read()
  }
  return found
}

/** An account that is gone is told nothing by the name service, and can do nothing. */
async function accountReadings(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note,
): Promise<readonly Reading[]> {
  const account = await findAccount(host, note.account)
  if (account === null) return [['account_gone', true]]
  const rules = await listedRules(host, note.account)
  const readings: Reading[] = [['sudo_list', !listsRule(host, grant, note, rules)]]
  // With no rule left, a password that sudo remembers is a leftover; with one, it is of that rule.
  if (rules.length === 0) readings.push(['sudo_timestamp', !remembersPassword(host, note)])
  return [...readings, ...(await membershipReading(host, notes, grant, note))]
}

async function membershipReading(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note,
): Promise<readonly Reading[]> {
  const groups = Object.keys(note.groups)
  if (groups.length === 0) return []
  const own = ownGroups(notes, grant, note)
  const atLogin = await groupsAtLogin(host, note.account)
  const absent = own.every(
    ({ name, gid }) =>
      !atLogin.includes(gid) &&
      !(groupStands(host, name) && isMember(host, note.account, name)),
  )
  return [
    [own.length === groups.length ? 'group_membership' : 'held_by_this_grant', absent],
  ]
}

/** Another grant's rule may end in the same second; then its file is there to explain what sudo lists. */
function listsRule(
  host: LinuxHost,
  grant: GrantId,
  note: Note,
  rules: readonly string[],
): boolean {
  const { rule } = note
  if (rule === null || !listsDeadline(rules, rule)) return false
  const isExplained = ruleFiles(host)
    .flatMap((name) => grantOfFile(name) ?? [])
    .filter((other) => other !== grant)
    .map((other) => ruleTextOf(host, other) ?? '')
    .some((text) => accountInRule(text) === note.account && listsDeadline(rules, text))
  return !isExplained
}

/** True once the host shows all that the note says. */
export async function probePresence(
  host: LinuxHost,
  grant: GrantId,
  note: Note | null,
): Promise<boolean> {
  if (note === null) return false
  if (note.rule !== null) {
    if (ruleTextOf(host, grant) !== note.rule) return false
    if (!listsDeadline(await listedRules(host, note.account), note.rule)) return false
  }
  const groups = Object.values(note.groups)
  if (groups.length === 0) return note.rule !== null
  const atLogin = await groupsAtLogin(host, note.account)
  return groups.every(({ gid }) => atLogin.includes(gid))
}
