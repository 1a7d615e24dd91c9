/**
 * Applying: one rule for all profiles of the grant, and one membership per group. The host's clock is read before and after
 * the step that makes them; too late at either reading, all that was made is ended before the call answers.
 *
 * @module
 */
import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../ports.ts'
import { isEscape } from './linux-command.ts'
import { endAccess } from './linux-ending.ts'
import { beginEvidence } from './linux-evidence.ts'
import { accountNamed, type LinuxHost, mustRun } from './linux-host.ts'
import { join, membershipsBefore } from './linux-membership.ts'
import type { Note, Notes } from './linux-note.ts'
import { bootTime } from './linux-processes.ts'
import { type LinuxSettings, rightsOf, type SudoProfile } from './linux-settings.ts'
import { draftRule, type Rule, rulesText } from './linux-sudoers.ts'
import type { Applied, Opening } from './port.ts'

export type ApplySite = Readonly<{
  host: LinuxHost
  notes: Notes
  settings: LinuxSettings
  /** The host is the target: one clock is both. */
  clock: Clock
}>

/** In the turn of the account. `credentialOf` is what the requester is told. */
export async function applyGrant(
  { host, notes, settings, clock }: ApplySite,
  opening: Opening,
): Promise<Applied> {
  const { grant, deadline, applyBefore } = opening
  notes.mustBeReadable(grant)
  const hostNow = () => clock.read().wall
  const rights = rightsOf(settings, opening.privileges)
  const name = settings.accounts.get(opening.requester)
  if (rights === null || name === undefined)
    throw new Error(`${grant} asks for what the settings do not name`)
  const late = async (): Promise<Applied> => {
    await endAccess(host, notes, grant, notes.of(grant))
    return { kind: 'too_late', targetNow: hostNow() }
  }
  if (hostNow() >= applyBefore) return late()
  const account = await accountNamed(host, name)
  for (const profile of rights.profiles) await assertTrusted(host, profile)

  const rule: Rule = {
    ...{ grant, account: name, profiles: rights.profiles, deadline },
    now: hostNow(),
  }
  const draft = rights.profiles.length === 0 ? null : await draftRule(host, rule)
  const note: Note = {
    account: name,
    uid: account.uid,
    since: notes.of(grant)?.since ?? bootTime(host),
    groups: membershipsBefore(host, notes, grant, account, rights.groups),
    rule: draft === null ? null : rulesText(rule),
  }
  notes.put(grant, note)
  if (rights.profiles.some(({ log }) => log)) beginEvidence(host, rule)
  if (hostNow() >= applyBefore) {
    draft?.discard()
    return late()
  }
  draft?.live()
  await join(host, notes, note)
  return hostNow() >= applyBefore
    ? late()
    : { kind: 'applied', credential: { LINUX_ACCOUNT: name } }
}

/**
 * Throws unless nobody but root can change what the profile runs: a program that the grantee may replace is any program.
 */
export async function assertTrusted(
  host: LinuxHost,
  { commands, unendable }: SudoProfile,
): Promise<void> {
  for (const { path } of commands) {
    if (path === 'ALL') continue
    const real = (await mustRun(host, ['realpath', '-e', '--', path])).trimEnd()
    if (!unendable && isEscape(real))
      throw new Error(`${path} is ${real}, which can run other commands`)
    for (const place of [...linesUp(path), ...linesUp(real)]) {
      const { uid, mode } = lstatSync(host.root() + place)
      const isLink = (mode & 0o170000) === 0o120000
      if (uid !== 0 || (!isLink && (mode & 0o022) !== 0))
        throw new Error(`${path}: somebody other than root may change ${place}`)
    }
  }
}

/** The path and every folder above it. */
function linesUp(path: string): readonly string[] {
  return path === '/' ? ['/'] : [path, ...linesUp(dirname(path))]
}
