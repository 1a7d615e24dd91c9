/**
 * Membership of a person's own entry in a group: a counted right (EN-17). Only single values are added and deleted, never
 * the attribute replaced, so that nothing is lost of what others write at the same time.
 *
 * @module
 */
import type { GrantId, Instant } from '@halligan/core'
import { Attribute, Change, EqualityFilter } from 'ldapts'
import { onlyIf, PostRead } from './ldap-controls.ts'
import { type Held as HeldLock, instantOf, type LdapLock } from './ldap-lock.ts'
import { rememberEnded } from './ldap-memory.ts'
import { viaOtherGroups } from './ldap-nesting.ts'
import {
  blankNote,
  confers,
  type NotedRight,
  type Notes,
  planOf,
  rightIn,
} from './ldap-plan.ts'
import {
  leave,
  readEntry,
  resultCode,
  resultCodes,
  type Session,
  tryAll,
  unless,
  valuesOf,
} from './ldap-session.ts'
import type { GroupSettings, LdapSettings } from './ldap-settings.ts'
import type { Applied, Opening } from './port.ts'
import type { ConnectorPorts } from './registry.ts'

export type Site = Readonly<{
  clock: ConnectorPorts['clock']
  settings: LdapSettings
  held: ConnectorPorts['held']
  vault: ConnectorPorts['vault']
  notes: Notes
  lock: LdapLock
  /** A fresh connection of the connector's own bind. */
  connect(): Promise<Session>
  /** A fresh connection of the other bind. */
  probe(url?: string): Promise<Session>
  /** One piece of work at a time per account. */
  inAccount<T>(account: string, work: () => Promise<T>): Promise<T>
}>

export const groupNamed = (settings: LdapSettings, name: string): GroupSettings => {
  const group = settings.groups[name]
  if (group === undefined) throw new Error(`group ${name} is not in the settings any more`)
  return group
}

export const isMemberOf = async (
  session: Session,
  { dn, attribute }: GroupSettings,
  member: string,
): Promise<boolean> => {
  const filter = new EqualityFilter({ attribute, value: member })
  return (await readEntry(session, dn, ['1.1'], filter)) !== null
}

export const value = (
  operation: 'add' | 'delete',
  { attribute: type }: GroupSettings,
  member: string,
): Change =>
  new Change({ operation, modification: new Attribute({ type, values: [member] }) })

/** Somebody who changes a group all the time keeps nobody out of it for good. */
const triesAtMost = 8

type Groups = Readonly<{ account: string; groups: readonly string[] }>

/** Under the lock, and in turn with every other apply and end of the same account. */
export function applyGroups(
  site: Site,
  opening: Opening,
  { account, groups }: Groups,
): Promise<'applied' | Extract<Applied, { kind: 'too_late' }>> {
  const { grant, applyBefore } = opening
  return site.inAccount(account, () =>
    site.lock.whileHeld(async (held) => {
      let at = await held.now()
      if (at < applyBefore) {
        if ((await readEntry(held.session, account)) === null)
          throw new Error(`${account} is not there: whoever makes it would be a member`)
        await note(site, held.session, opening, { account, groups })
        for (const name of groups) {
          const added = await join(site.settings, held, name, account)
          if (added !== null && added > at) at = added
        }
      }
      if (at < applyBefore) return 'applied'
      await removeRights(site, held.session, grant, account)
      return { kind: 'too_late', targetNow: at }
    }),
  )
}

async function note(
  site: Site,
  session: Session,
  { grant, target }: Opening,
  { account, groups }: Groups,
): Promise<void> {
  const rights: NotedRight[] = []
  for (const name of groups)
    rights.push(await noted(site, session, { grant, target }, account, name))
  site.notes.put(grant, { ...blankNote, account, rights })
}

/**
 * Adds one member under the fence that the lock explains, and answers the directory's time of it; null when it was there.
 * Whoever else writes the group in between makes it look again.
 */
export async function join(
  settings: LdapSettings,
  held: HeldLock,
  name: string,
  member: string,
): Promise<Instant | null> {
  const group = groupNamed(settings, name)
  for (let tries = 1; ; tries++) {
    const entry = await readEntry(held.session, group.dn, ['entryCSN'])
    const csn = entry === null ? undefined : valuesOf(entry, 'entryCSN')[0]
    if (csn === undefined)
      throw new Error(
        `${group.dn} is not there, or the connector may not read its entryCSN`,
      )
    if (await isMemberOf(held.session, group, member)) return null
    await held.now()
    const after = new PostRead(['entryCSN'])
    const unchanged = onlyIf(new EqualityFilter({ attribute: 'entryCSN', value: csn }))
    try {
      const change = value('add', group, member)
      await held.session.client.modify(group.dn, change, [unchanged, after])
      return instantOf(after.text())
    } catch (error) {
      const isChanged = resultCode(error) === resultCodes.assertionFailed
      if (!isChanged || tries === triesAtMost) throw error
    }
  }
}

/**
 * A right that is there and that no grant explains was there before. One that is not there is nobody's: whatever the notes
 * of overlapping grants say of it is over.
 */
async function noted(
  site: Site,
  session: Session,
  { grant, target }: Pick<Opening, 'grant' | 'target'>,
  account: string,
  group: string,
): Promise<NotedRight> {
  const isThere = await isMemberOf(session, groupNamed(site.settings, group), account)
  const mine = rightIn(site.notes.of(grant), account, group)
  const others = site
    .held(target)
    .filter((held) => held.grant !== grant && held.phase !== 'closing')
    .filter((held) => confers(site.settings, held, account, group))
  if (!isThere) {
    for (const other of others) noteNotBefore(site, other.grant, account, group)
    return { group, before: false, nested: mine?.nested ?? (await nested()) }
  }
  const known = [
    mine,
    ...others.map((other) => rightIn(site.notes.of(other.grant), account, group)),
  ].find((right) => right !== null)
  if (known !== undefined) return known
  for (const other of others) site.notes.mustBeReadable(other.grant)
  return { group, before: true, nested: await nested() }

  function nested() {
    return viaOtherGroups(
      site.settings,
      session,
      account,
      groupNamed(site.settings, group).dn,
    )
  }
}

function noteNotBefore(site: Site, grant: GrantId, account: string, group: string): void {
  const note = site.notes.of(grant)
  const right = rightIn(note, account, group)
  if (note === null || right === null || !right.before) return
  const rights = note.rights.map((each) =>
    each === right ? { ...each, before: false } : each,
  )
  site.notes.put(grant, { ...note, rights })
}

/** Rights that `grant` alone makes stand: those that end with it. */
export function rightsOfItsOwn(
  site: Site,
  grant: GrantId,
): readonly Readonly<{ right: NotedRight; isItsOwn: boolean }>[] {
  const note = site.notes.known(grant)
  const account = note?.account ?? null
  if (note === null || account === null) return []
  return note.rights.map((right) => ({
    right,
    isItsOwn: !right.before && holders(site, grant, account, right.group).length === 0,
  }))
}

const holders = (site: Site, grant: GrantId, account: string, group: string) =>
  site
    .held(site.settings.target)
    .filter((held) => held.grant !== grant && held.phase === 'standing')
    .filter((held) => confers(site.settings, held, account, group))

/** In turn with every apply on the same account. */
export async function endGroups(site: Site, grant: GrantId): Promise<void> {
  const account = accountOf(site, grant)
  if (account === null) return
  await site.inAccount(account, async () => {
    const session = await site.connect()
    try {
      await removeRights(site, session, grant, account)
    } finally {
      await leave(session)
    }
  })
}

function accountOf(site: Site, grant: GrantId): string | null {
  const noted = site.notes.known(grant)
  if (noted !== null) return noted.rights.length === 0 ? null : noted.account
  const held = site.held(site.settings.target, grant).find((each) => each.grant === grant)
  const plan = held === undefined ? null : planOf(site.settings, held)
  return plan !== null && typeof plan !== 'string' && plan.kind === 'groups'
    ? plan.account
    : null
}

/**
 * Removes what ends with this grant. What another standing grant holds stays, and that one inherits what is known of how the
 * right came to be: it may not have been applied yet, and would take it for an older one.
 */
async function removeRights(
  site: Site,
  session: Session,
  grant: GrantId,
  account: string,
): Promise<void> {
  const note = site.notes.known(grant)
  const ended: string[] = []
  await tryAll(
    `${grant} is not ended`,
    (note?.rights ?? []).map((right) => async () => {
      const others = holders(site, grant, account, right.group)
      for (const other of others) inherit(site, other.grant, account, right)
      if (right.before || others.length > 0) return
      const group = groupNamed(site.settings, right.group)
      await removeMember(site.settings, session, group, account)
      ended.push(right.group)
    }),
  )
  if (note !== null && note.removedAt === null)
    site.notes.put(grant, { ...note, removedAt: site.clock.read().wall })
  for (const group of ended) await rememberEnded(site.settings, session, group, account)
}

function inherit(site: Site, grant: GrantId, account: string, right: NotedRight): void {
  // What cannot be read is not written over: by its order it counts the right as its own.
  if (site.notes.isUnreadable(grant)) return
  const note = site.notes.of(grant) ?? blankNote
  if (rightIn(note, account, right.group) !== null) return
  site.notes.put(grant, { ...note, account, rights: [...note.rights, right] })
}

/** A group may not be left empty (RFC 4519, 3.5): then the lock entry, which nobody can bind as, takes the place. */
export async function removeMember(
  settings: LdapSettings,
  { client }: Session,
  group: GroupSettings,
  member: string,
): Promise<void> {
  const gone = unless(resultCodes.noSuchAttribute, resultCodes.noSuchObject)
  try {
    await client.modify(group.dn, value('delete', group, member))
  } catch (error) {
    if (resultCode(error) !== resultCodes.objectClassViolation) return gone(error)
    const both = [value('add', group, settings.lock), value('delete', group, member)]
    await client.modify(group.dn, both).catch(gone)
  }
}
