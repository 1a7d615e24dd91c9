/**
 * What the connector remembers of a grant from before it touches the host: on whose account, since when, and which
 * memberships stood there already. Rights on an account are counted by it (EN-17).
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { isRecord } from '../strict-fields.ts'
import type { BootTime } from './linux-processes.ts'
import type { LinuxSettings } from './linux-settings.ts'
import type { Held } from './port.ts'
import type { ConnectorPorts } from './registry.ts'

export type Membership = Readonly<{
  gid: number
  /** Whether the account was in the group without any grant. */
  stood: boolean
}>

export type Note = Readonly<{
  account: string
  /** Ids as they were, so that processes are found when the account or the group is gone. */
  uid: number
  since: BootTime
  groups: Readonly<Record<string, Membership>>
  /** The very text of the rule that was made, or null where the grant has none. */
  rule: string | null
}>

/** Everything that is remembered of the grants on one host. */
export type Notes = Readonly<{
  of(grant: GrantId): Note | null
  keep(grant: GrantId, note: Note): void
  drop(grant: GrantId): void
  /** Every unfinished grant on the account but this one. */
  others(grant: GrantId | null, account: string): readonly Held[]
  /** Those of them that hold the membership. */
  holders(grant: GrantId | null, account: string, group: string): readonly Held[]
  /** How the membership stood before: as this grant saw it, else another of the same account. Null: none of them did. */
  membership(grant: GrantId, account: string, group: string): Membership | null
}>

export function notesIn(
  settings: LinuxSettings,
  { shelf, held }: Pick<ConnectorPorts, 'shelf' | 'held'>,
): Notes {
  const { target } = settings
  const of = (grant: GrantId): Note | null => {
    const text = shelf.get(grant, target)
    return text === null ? null : parseNote(text)
  }
  const accountOf = ({ grant, requester }: Held) =>
    of(grant)?.account ?? settings.accounts.get(requester)
  const others = (grant: GrantId | null, account: string) =>
    held(target).filter((other) => other.grant !== grant && accountOf(other) === account)
  return {
    of,
    keep: (grant, note) => shelf.put(grant, target, JSON.stringify(note)),
    drop: (grant) => shelf.drop(grant, target),
    others,
    holders: (grant, account, group) =>
      others(grant, account).filter(
        ({ phase, privileges }) =>
          phase === 'standing' && privileges.includes(`group:${group}`),
      ),
    membership: (grant, account, group) =>
      [
        grant,
        // What is `closing` was seen to be gone: what stands now is not of its making.
        ...others(grant, account).flatMap((other) =>
          other.phase === 'closing' ? [] : [other.grant],
        ),
      ]
        .map((one) => of(one)?.groups[group])
        .find((told) => told !== undefined) ?? null,
  }
}

function parseNote(text: string): Note {
  const note: unknown = JSON.parse(text)
  if (!isRecord(note) || !isRecord(note.groups) || !isRecord(note.since))
    throw new Error('what is remembered of a grant cannot be read')
  // Written by `keep` alone, and sealed on the shelf.
  return note as Note
}
