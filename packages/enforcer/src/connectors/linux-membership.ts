/**
 * Membership in a group, counted: it goes when the last of its grants ends, and only if it came with the first. Everything
 * here runs in the account's own turn, so that nothing that is read changes before it is acted on.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { addMember, localGroup, localGroups, removeMember } from './linux-groups.ts'
import type { Account, LinuxHost } from './linux-host.ts'
import type { Membership, Note, Notes } from './linux-note.ts'

/** How each group stands before this grant is given it. What nobody is in now, nobody held before. */
export function membershipsBefore(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  { name, gid: primary }: Account,
  groups: readonly string[],
): Readonly<Record<string, Membership>> {
  return Object.fromEntries(
    groups.map((group) => {
      const { gid, members } = localGroup(host, group)
      const stood =
        gid === primary ||
        (members.includes(name) && (notes.membership(grant, name, group)?.stood ?? true))
      return [group, { gid, stood }]
    }),
  )
}

/** Call after the grant's own note was kept. */
export async function join(host: LinuxHost, notes: Notes, note: Note): Promise<void> {
  for (const [group, { gid, stood }] of Object.entries(note.groups)) {
    if (stood) continue
    for (const { grant } of notes.others(null, note.account)) {
      const other = notes.of(grant)
      if (other?.groups[group] !== undefined)
        notes.put(grant, withMembership(other, group, { gid, stood }))
    }
    await addMember(host, note.account, group)
  }
}

const withMembership = (note: Note, group: string, membership: Membership): Note => ({
  ...note,
  groups: { ...note.groups, [group]: membership },
})

/** Takes each membership of the grant that nobody else holds. The next of them learns how it stood before. */
export async function leave(
  host: LinuxHost,
  notes: Notes,
  grant: GrantId,
  note: Note,
): Promise<void> {
  for (const [group, membership] of Object.entries(note.groups)) {
    const holders = notes.holders(grant, note.account, group)
    for (const holder of holders) {
      // What cannot be read is not written over: by its order it counts the membership as its own.
      if (notes.isUnreadable(holder.grant)) continue
      const other = notes.of(holder.grant) ?? { ...note, groups: {}, rule: null }
      if (other.groups[group] === undefined)
        notes.put(holder.grant, withMembership(other, group, membership))
    }
    if (holders.length === 0 && !membership.stood && groupStands(host, group))
      await removeMember(host, note.account, group)
  }
}

export const groupStands = (host: LinuxHost, group: string): boolean =>
  localGroups(host).some(({ name }) => name === group)

/** The groups of the grant that nobody but the grant gives a right to. */
export const ownGroups = (
  notes: Notes,
  grant: GrantId,
  note: Note,
): readonly (Membership & { name: string })[] =>
  Object.entries(note.groups)
    .map(([name, membership]) => ({ name, ...membership }))
    .filter(
      ({ name, stood }) => !stood && notes.holders(grant, note.account, name).length === 0,
    )
