import type { GrantId } from '@halligan/core'
import { isMember, localGroups } from './linux-groups.ts'
import type { LinuxHost } from './linux-host.ts'
import { groupStands } from './linux-membership.ts'
import type { Memberships, Notes } from './linux-note.ts'
import type { LinuxSettings } from './linux-settings.ts'
import { grantOfFile, isDraft, ruleFiles, ruleTextOf } from './linux-sudoers.ts'
import type { Difference, Excess, Held } from './port.ts'

/** Every grant that has a rule here, whoever made it, and those of the books whose memberships stand. */
export function standingOn(
  host: LinuxHost,
  notes: Notes,
  held: readonly Held[],
): readonly GrantId[] {
  const ruled = ruleFiles(host).flatMap((name) => grantOfFile(name) ?? [])
  const grouped = held
    .filter(({ phase, grant }) => phase !== 'closing' && stands(host, notes, grant, phase))
    .map(({ grant }) => grant)
  return [...new Set([...ruled, ...grouped])]
}

/** A membership is told of a grant that ends only while nobody else explains it. */
function stands(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  phase: Held['phase'],
): boolean {
  const given = notes.memberships(grant)
  const groups = Object.entries(given?.groups ?? {})
  if (given === null || groups.length === 0) return false
  const isIn = (group: string) =>
    groupStands(host, group) && isMember(host, given.account, group)
  return phase === 'standing'
    ? groups.every(([group, { stood }]) => stood || isIn(group))
    : groups.some(
        ([group, { stood }]) =>
          !stood && notes.holders(grant, given.account, group).length === 0 && isIn(group),
      )
}

/**
 * Files that look like ours and are no grant's, rules of ours that somebody changed, and members of a listed group whom
 * neither the settings nor a grant explains (EN-16, EN-26).
 */
export function strangersOn(
  host: LinuxHost,
  { groups }: LinuxSettings,
  notes: Notes,
  held: readonly Held[],
): readonly Difference[] {
  const files = ruleFiles(host)
  const foreign = files
    .filter((name) => grantOfFile(name) === null && !isDraft(name))
    .map((name) => ({ what: 'foreign_rule', object: JSON.stringify(name) }))
  const changed = held.flatMap(({ grant }) => {
    const [rule, text] = [notes.of(grant)?.rule ?? null, ruleTextOf(host, grant)]
    return rule !== null && text !== null && rule !== text
      ? [{ what: 'changed_rule', object: grant }]
      : []
  })
  return [...foreign, ...changed, ...foreignMembers(host, groups, notes, held)]
}

function foreignMembers(
  host: LinuxHost,
  groups: LinuxSettings['groups'],
  notes: Notes,
  held: readonly Held[],
): readonly Difference[] {
  return localGroups(host).flatMap(({ name, members }) => {
    const known = groups.get(name)?.members ?? null
    if (known === null) return []
    return members
      .filter((member) => !known.includes(member))
      .filter(
        (member) => !held.some(({ grant }) => gave(notes.memberships(grant), member, name)),
      )
      .map((member) => ({
        what: 'foreign_member',
        object: JSON.stringify(`${member} in ${name}`),
      }))
  })
}

/** Whether the membership came with the grant. */
export const gave = (given: Memberships | null, account: string, group: string): boolean =>
  given?.account === account && given.groups[group]?.stood === false

/** Whoever writes `sudoers.d` is root, by whatever way: that is the work itself, and not beyond it. */
export const excessOf = ({ profiles }: LinuxSettings): readonly Excess[] => [
  { grave: false, words: 'runs as root, as its work on this host needs' },
  ...[...profiles]
    .filter(([, { unendable }]) => unendable)
    .map(([name]) => ({
      grave: false,
      words: `sudo:${name} gives root, which can outlive its ending: read the persistence diff`,
    })),
]
