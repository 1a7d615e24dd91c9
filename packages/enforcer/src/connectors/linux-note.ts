/**
 * What the connector remembers of a grant from before it touches the host: on whose account, since when, and which
 * memberships stood there already. Rights on an account are counted by it (EN-17).
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { isCount, isRecord } from '../strict-fields.ts'
import type { BootTime } from './linux-processes.ts'
import type { LinuxSettings } from './linux-settings.ts'
import { notesOn, type Notes as ShelfNotes } from './notes.ts'
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

/** What a grant gives of groups, and on whose account. */
export type Memberships = Readonly<{
  account: string
  groups: Readonly<Record<string, Pick<Membership, 'stood'>>>
}>

/** Everything that is remembered of the grants on one host. */
export type Notes = ShelfNotes<Note> &
  Readonly<{
    /**
     * By the note; or, where it cannot be read, by the order. Then nobody knows whether a membership stood before, unless
     * another grant does, and it counts as the grant's own: unknown counts as granted (INV-10).
     */
    memberships(grant: GrantId): Memberships | null
    /** Every unfinished grant on the account but this one. */
    others(grant: GrantId | null, account: string): readonly Held[]
    /** Those of them that hold the membership. */
    holders(grant: GrantId | null, account: string, group: string): readonly Held[]
    /**
     * How the membership stood before: as this grant saw it, else another of the same account. Null: none of them did. Throws
     * `UnreadableNote` when one of them may have.
     */
    membership(grant: GrantId, account: string, group: string): Membership | null
  }>

export function notesIn(
  settings: LinuxSettings,
  { shelf, held }: Pick<ConnectorPorts, 'shelf' | 'held'>,
): Notes {
  const { target, accounts } = settings
  const shelved = notesOn(shelf, target, (value) => (isNote(value) ? value : null))
  const { of } = shelved
  const accountOf = ({ grant, requester }: Held) =>
    of(grant)?.account ?? accounts.get(requester)
  const others = (grant: GrantId | null, account: string) =>
    held(target).filter((other) => other.grant !== grant && accountOf(other) === account)
  /** What is `closing` was seen to be gone: what stands now is not of its making. */
  const witnesses = (grant: GrantId, account: string, group: string) =>
    others(grant, account)
      .filter(({ phase }) => phase !== 'closing')
      .filter(({ privileges }) => privileges.includes(`group:${group}`))
      .map((other) => other.grant)
  const seen = (grant: GrantId, account: string, group: string): Membership | null =>
    [grant, ...witnesses(grant, account, group)]
      .map((one) => of(one)?.groups[group])
      .find((told) => told !== undefined) ?? null
  const byOrder = (grant: GrantId): Memberships | null => {
    const order = held(target, grant).find((one) => one.grant === grant)
    const account = accounts.get(order?.requester ?? '')
    if (order === undefined || account === undefined) return null
    const groups = order.privileges.flatMap((privilege) => {
      const [, name] = /^group:(.+)$/s.exec(privilege) ?? []
      if (name === undefined) return []
      return [[name, { stood: seen(grant, account, name)?.stood ?? false }] as const]
    })
    return { account, groups: Object.fromEntries(groups) }
  }
  return {
    ...shelved,
    others,
    memberships: (grant) =>
      of(grant) ?? (shelved.isUnreadable(grant) ? byOrder(grant) : null),
    holders: (grant, account, group) =>
      others(grant, account).filter(
        ({ phase, privileges }) =>
          phase === 'standing' && privileges.includes(`group:${group}`),
      ),
    membership(grant, account, group) {
      const found = seen(grant, account, group)
      if (found === null)
        for (const one of witnesses(grant, account, group)) shelved.mustBeReadable(one)
      return found
    },
  }
}

const isNote = (value: unknown): value is Note =>
  isRecord(value) &&
  typeof value.account === 'string' &&
  isCount(0)(value.uid) &&
  isRecord(value.since) &&
  typeof value.since.boot === 'string' &&
  isCount(0)(value.since.ticks) &&
  isRecord(value.groups) &&
  Object.values(value.groups).every(isMembership) &&
  (value.rule === null || typeof value.rule === 'string')

const isMembership = (value: unknown): boolean =>
  isRecord(value) && isCount(0)(value.gid) && typeof value.stood === 'boolean'
