/**
 * What the names in an opening mean on this target, and what is remembered of it on the shelf before the directory is
 * touched.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { isCount, isRecord, isText } from '../strict-fields.ts'
import { dnKey, dnOfGrant } from './ldap-dn.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { notesOn, type Notes as ShelfNotes } from './notes.ts'
import type { Held } from './port.ts'
import type { ConnectorPorts } from './registry.ts'

export type Plan = Readonly<
  | { kind: 'groups'; account: string; groups: readonly string[] }
  | { kind: 'entry'; profile: string }
  | { kind: 'account'; name: string }
>

type Asked = Pick<Held, 'requester' | 'privileges'>

/** A stable code where the settings here give these names no meaning. */
export function planOf(settings: LdapSettings, asked: Asked): Plan | string {
  const named = asked.privileges.map((privilege) => {
    const [, kind = '', name = ''] = /^(group|entry|account):(.+)$/s.exec(privilege) ?? []
    return { kind, name }
  })
  const [first] = named
  if (first === undefined) return 'unknown_privilege'
  const known = {
    group: settings.groups,
    entry: settings.entries,
    account: settings.sharedAccounts,
  } as const
  for (const { kind, name } of named)
    if (!Object.hasOwn(known, kind) || !Object.hasOwn(known[kind as 'group'], name))
      return 'unknown_privilege'
  if (first.kind === 'group' && named.every(({ kind }) => kind === 'group')) {
    if (!Object.hasOwn(settings.accounts, asked.requester)) return 'no_account'
    const account = settings.accounts[asked.requester] ?? ''
    return { kind: 'groups', account, groups: [...new Set(named.map(({ name }) => name))] }
  }
  if (named.length > 1) return 'mixed_privileges'
  return first.kind === 'entry'
    ? { kind: 'entry', profile: first.name }
    : { kind: 'account', name: first.name }
}

/** `before`: somebody gave the right otherwise. `nested`: it was also there by way of another group. */
export type NotedRight = Readonly<{ group: string; before: boolean; nested: boolean }>

export type Note = Readonly<{
  /** The DN whose rights, or whose password, these are. */
  account: string | null
  rights: readonly NotedRight[]
  /** What was handed out, only to show that it opens nothing any more. */
  secret: string | null
  /** When the access was first taken away, by the clock of this host. */
  removedAt: number | null
  /** Put together by the order, because what was noted first could not be read. */
  byOrder: boolean
}>

export const blankNote: Note = {
  account: null,
  rights: [],
  secret: null,
  removedAt: null,
  byOrder: false,
}

export type Notes = ShelfNotes<Note> &
  Readonly<{
    /**
     * The note; or, where it cannot be read, one by the order. Then nobody knows whether a right was there before, unless
     * another grant does, and it counts as the grant's own: unknown counts as granted (INV-10).
     */
    known(grant: GrantId): Note | null
  }>

export function notesIn(
  settings: LdapSettings,
  { shelf, held }: Pick<ConnectorPorts, 'shelf' | 'held'>,
): Notes {
  const { target } = settings
  const shelved = notesOn(shelf, target, noteIn)
  /** What is `closing` was seen to be gone: what stands now is not of its making. */
  const seenByOthers = (
    grant: GrantId,
    account: string | null,
    group: string,
  ): NotedRight | null =>
    held(target)
      .filter((other) => other.grant !== grant && other.phase !== 'closing')
      .map((other) => rightIn(shelved.of(other.grant), account, group))
      .find((right) => right !== null) ?? null
  const byOrder = (grant: GrantId): Note | null => {
    const order = held(target, grant).find((each) => each.grant === grant)
    const plan = order === undefined ? 'not_held' : planOf(settings, order)
    if (typeof plan === 'string') return null
    const account = dnOf(settings, grant, plan)
    const groups = plan.kind === 'groups' ? plan.groups : []
    const rights = groups.map(
      (group) =>
        seenByOthers(grant, account, group) ?? { group, before: false, nested: false },
    )
    return { ...blankNote, account, rights, byOrder: true }
  }
  return {
    ...shelved,
    known: (grant) =>
      shelved.of(grant) ?? (shelved.isUnreadable(grant) ? byOrder(grant) : null),
    isUnreadable: (grant) =>
      shelved.isUnreadable(grant) || shelved.of(grant)?.byOrder === true,
  }
}

export function rightIn(
  note: Note | null,
  account: string | null,
  group: string,
): NotedRight | null {
  if (note === null || note.account === null || account === null) return null
  if (dnKey(note.account) !== dnKey(account)) return null
  return note.rights.find((right) => right.group === group) ?? null
}

/** Whose rights, or whose password, the plan gives away; null for what the settings do not name any more. */
function dnOf(
  { container, sharedAccounts }: LdapSettings,
  grant: GrantId,
  plan: Plan,
): string | null {
  if (plan.kind === 'groups') return plan.account
  if (plan.kind === 'account') return sharedAccounts[plan.name] ?? null
  return container === null ? null : dnOfGrant(grant, container)
}

function noteIn(value: unknown): Note | null {
  const note: unknown = isRecord(value) ? { byOrder: false, ...value } : null
  return isNote(note) ? note : null
}

const isNote = (note: unknown): note is Note =>
  isRecord(note) &&
  isNullOr(isText)(note.account) &&
  Array.isArray(note.rights) &&
  note.rights.every(isRight) &&
  isNullOr(isText)(note.secret) &&
  isNullOr(isCount(0))(note.removedAt) &&
  typeof note.byOrder === 'boolean'

const isNullOr = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === null || check(value)

const isRight = (value: unknown): boolean =>
  isRecord(value) &&
  isText(value.group) &&
  typeof value.before === 'boolean' &&
  typeof value.nested === 'boolean'

/** Whether the grant, as the books have it, confers this very right on this very account. */
export function confers(
  settings: LdapSettings,
  held: Held,
  account: string,
  group: string,
): boolean {
  const plan = planOf(settings, held)
  return (
    typeof plan !== 'string' &&
    plan.kind === 'groups' &&
    plan.groups.includes(group) &&
    dnKey(plan.account) === dnKey(account)
  )
}
