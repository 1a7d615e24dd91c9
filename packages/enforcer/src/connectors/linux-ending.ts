/**
 * The order of ending: the rule and the membership first, so that nothing new begins; then the processes that hold either;
 * then what sudo remembers of a password.
 *
 * @module
 */
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import { type LinuxHost, readHostFile } from './linux-host.ts'
import { leave, ownGroups } from './linux-membership.ts'
import type { Note, Notes } from './linux-note.ts'
import {
  bootTime,
  type HostProcess,
  holdsGroup,
  kill,
  startedProcesses,
  sudoRuns,
  whileAllStandStill,
} from './linux-processes.ts'
import { maySudo, removeRule } from './linux-sudoers.ts'

const millisToKill = 8_000
/** A login under way has read its groups before they were changed, and takes them up a moment later. */
const millisBetweenReads = 40

/** `note` is null for a grant that never came so far as to touch the host. */
export async function endAccess(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note | null,
): Promise<void> {
  removeRule(host, grant)
  if (note === null) return
  await leave(host, notes, grant, note)
  const killHolders = async (): Promise<Holding> => {
    const found = await holdingStill(host, notes, grant, note)
    await kill(host, [...new Set([...found.throughGroup, ...found.throughSudo])])
    return found
  }
  const deadline = performance.now() + millisToKill
  for (let quiet = 0, tries = 0; quiet < 2 && performance.now() < deadline; tries++) {
    const { throughGroup, throughSudo } = await killHolders()
    quiet = throughGroup.length + throughSudo.length === 0 ? quiet + 1 : 0
    if (throughGroup.length > 0 && tries > 0)
      await whileAllStandStill(host, note.uid, killHolders)
    await pause(millisBetweenReads)
  }
  forgetPassword(host, note)
}

export type Holding = Readonly<{
  throughGroup: readonly HostProcess[]
  throughSudo: readonly HostProcess[]
}>

/**
 * Processes that still hold what the grant alone gave: its groups under the account, and what runs through sudo since the
 * grant began and sudo would not start again now. What another grant or a standing rule explains is nobody's to kill.
 */
export async function holdingStill(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note,
): Promise<Holding> {
  const all = await startedProcesses(host, note.uid)
  const groups = ownGroups(notes, grant, note)
  const since = note.since.boot === bootTime(host).boot ? note.since.ticks : 0
  const asked = new Map<string, Promise<boolean>>()
  const isExplained = (command: string, uid: number): Promise<boolean> => {
    const question = `${uid} ${command}`
    const answer = asked.get(question) ?? maySudo(host, note.account, uid, command)
    asked.set(question, answer)
    return answer
  }
  const throughSudo: HostProcess[] = []
  for (const { command, asUid, members } of sudoRuns(all, note.uid, since))
    if (command === null || !(await isExplained(command, asUid)))
      throughSudo.push(...members)
  return {
    throughGroup: all.filter((one) =>
      groups.some(({ gid }) => holdsGroup(one, note.uid, gid)),
    ),
    throughSudo,
  }
}

/** By name up to sudo 1.9.14, by number since. */
const stampsOf = ({ account, uid }: Note): readonly string[] =>
  [account, String(uid)].map((name) => `/run/sudo/ts/${name}`)

/** A password that was typed counts for nothing more. */
function forgetPassword(host: LinuxHost, note: Note): void {
  for (const stamp of stampsOf(note)) rmSync(host.root() + stamp, { force: true })
}

export const remembersPassword = (host: LinuxHost, note: Note): boolean =>
  stampsOf(note)
    .map((stamp) => readHostFile(host, stamp))
    .some((records) => records !== null && vouches(Buffer.from(records, 'latin1')))

const lockOnly = 4
const disabled = 1

/**
 * Whether a record of sudoers_timestamp(5) may spare a password. sudo opens the file with a mere lock in it even for whom it
 * refuses. What cannot be read vouches.
 */
function vouches(records: Buffer): boolean {
  for (let at = 0; at < records.length; ) {
    if (records.length - at < 8) return true
    const [size, type, flags] = [2, 4, 6].map((field) => records.readUInt16LE(at + field))
    if (size === undefined || size < 8 || flags === undefined) return true
    if (type !== lockOnly && (flags & disabled) === 0) return true
    at += size
  }
  return false
}
