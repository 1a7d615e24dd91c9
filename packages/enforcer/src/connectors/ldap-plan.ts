/**
 * What the names in an opening mean on this target, and what is remembered of it on the shelf before the directory is
 * touched.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { isRecord } from '../strict-fields.ts'
import { dnKey } from './ldap-dn.ts'
import type { LdapSettings } from './ldap-settings.ts'
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
}>

export const blankNote: Note = {
  account: null,
  rights: [],
  secret: null,
  removedAt: null,
}

export type Notes = Readonly<{
  of(grant: GrantId): Note | null
  put(grant: GrantId, note: Note): void
}>

export const notesOn = (
  { shelf }: Pick<ConnectorPorts, 'shelf'>,
  target: string,
): Notes => ({
  of(grant) {
    const text = shelf.get(grant, target)
    if (text === null) return null
    const parsed: unknown = JSON.parse(text)
    if (!isRecord(parsed)) throw new Error(`the note of ${grant} is damaged`)
    return { ...blankNote, ...(parsed as Partial<Note>) }
  },
  put(grant, note) {
    shelf.put(grant, target, JSON.stringify(note))
  },
})

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
