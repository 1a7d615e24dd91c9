/**
 * What the directory shows of a grant to another bind than the connector's own, on fresh connections, at every endpoint that
 * the settings name. An answer that proves nothing is thrown: an entry that cannot be seen is not an absent one.
 *
 * @module
 */
import type { GrantId, ProbeResult } from '@halligan/core'
import { EqualityFilter } from 'ldapts'
import { endpointsOf, isShared, opens, probeAt } from './ldap-account.ts'
import { dnOfGrant, grantAt, nameOf } from './ldap-dn.ts'
import { groupNamed, isMemberOf, rightsOfItsOwn, type Site } from './ldap-groups.ts'
import { groupsOf, viaOtherGroups } from './ldap-nesting.ts'
import { planOf } from './ldap-plan.ts'
import { onSession, readEntry, type Session, search, valuesOf } from './ldap-session.ts'
import type { GroupSettings } from './ldap-settings.ts'
import { mustBeKnown } from './notes.ts'
import { accountNamed as sharedAccountIn } from './shared-account.ts'

type Reading = Readonly<{ probe: string; absent: boolean }>

export async function probeAbsence(
  site: Site,
  grant: GrantId,
): Promise<readonly ProbeResult[]> {
  mustBeKnown(site.notes, grant, site.notes.known(grant))
  const probes: ProbeResult[] = []
  for (const [endpoint, url] of endpointsOf(site.settings).entries()) {
    const readings = await onSession(
      () => site.probe(url),
      (session) => readAt(site, session, url, grant),
    )
    const at = site.clock.read().wall
    for (const { probe, absent } of readings)
      probes.push({ probe: probeAt(endpoint, probe), absent, at })
  }
  return [...probes, ...residual(site, grant)]
}

async function readAt(
  site: Site,
  session: Session,
  url: string,
  grant: GrantId,
): Promise<readonly Reading[]> {
  return [
    ...(await readGroups(site, session, grant)),
    ...(await readOwnEntry(site, session, grant)),
    ...(await readLogin(site, url, grant)),
  ]
}

async function readGroups(
  site: Site,
  session: Session,
  grant: GrantId,
): Promise<readonly Reading[]> {
  const account = site.notes.known(grant)?.account ?? ''
  const rights = rightsOfItsOwn(site, grant)
  if (rights.length === 0) return [{ probe: 'rights_of_this_grant', absent: true }]
  let [direct, nested, isOthers] = [false, false, false]
  for (const { right, isItsOwn } of rights) {
    if (!isItsOwn) {
      isOthers = true
      continue
    }
    const group = groupNamed(site.settings, right.group)
    if (!(await canSeeMembers(site, session, group))) continue
    direct ||= await isMemberOf(session, group, account)
    nested ||= !right.nested && (await viaOthers(site, session, account, group, rights))
  }
  return [
    { probe: 'member', absent: !direct },
    { probe: 'nested_member', absent: !nested },
    ...(isOthers ? [{ probe: 'held_by_this_grant_alone', absent: true }] : []),
  ]
}

const viaOthers = (
  site: Site,
  session: Session,
  account: string,
  group: GroupSettings,
  rights: ReturnType<typeof rightsOfItsOwn>,
): Promise<boolean> => {
  const explained = rights
    .filter(({ isItsOwn }) => !isItsOwn)
    .map(({ right }) => groupNamed(site.settings, right.group).dn)
  return viaOtherGroups(site.settings, session, account, group.dn, explained)
}

/**
 * False for a group that is gone, as both binds say. Throws when this bind is shown no member at all: a group has one, so
 * that its rights do not suffice, and what it does not see proves nothing.
 */
async function canSeeMembers(
  site: Site,
  session: Session,
  group: GroupSettings,
): Promise<boolean> {
  const entry = await readEntry(session, group.dn, [group.attribute])
  if (entry === null) {
    const isThere = await onSession(
      site.connect,
      async (own) => (await readEntry(own, group.dn)) !== null,
    )
    if (isThere) throw new Error(`the prober cannot see ${group.dn}`)
    return false
  }
  if (valuesOf(entry, group.attribute).length === 0)
    throw new Error(`the prober cannot see ${group.attribute} of ${group.dn}`)
  return true
}

/** By name, whether the grant ever was to have an entry or not. Both binds must find none. */
async function readOwnEntry(
  site: Site,
  session: Session,
  grant: GrantId,
): Promise<readonly Reading[]> {
  const { container, monitor } = site.settings
  if (container === null) return []
  const dn = dnOfGrant(grant, container)
  const isSeen = async (by: Session) => {
    if ((await readEntry(by, container)) === null)
      throw new Error(`${container} cannot be seen, so that nothing in it is proven absent`)
    const filter = new EqualityFilter({ attribute: 'uid', value: nameOf(grant) })
    return (await search(by, container, { scope: 'one', filter })).length > 0
  }
  const isThere = (await isSeen(session)) || (await onSession(site.connect, isSeen))
  return [
    { probe: 'entry', absent: !isThere },
    {
      probe: 'groups_of_entry',
      absent: (await groupsOf(site.settings, session, dn)).length === 0,
    },
    ...(monitor === null ? [] : [await readConnections(site, session, monitor, dn)]),
  ]
}

/** Whoever is bound stays so in slapd, whatever becomes of the entry: only the list of connections shows it. */
async function readConnections(
  site: Site,
  session: Session,
  monitor: string,
  dn: string,
): Promise<Reading> {
  if ((await connectionsOf(session, monitor, site.settings.prober.bindDn)) === 0)
    throw new Error(`the prober cannot see its own connection in ${monitor}`)
  return {
    probe: 'bound_connections',
    absent: (await connectionsOf(session, monitor, dn)) === 0,
  }
}

/** How many connections are bound as `dn`, as far as this bind may see. */
export async function connectionsOf(
  session: Session,
  monitor: string,
  dn: string,
): Promise<number> {
  const filter = new EqualityFilter({ attribute: 'monitorConnectionAuthzDN', value: dn })
  return (await search(session, monitor, { scope: 'sub', filter })).length
}

/** What was handed out must open nothing. */
async function readLogin(
  site: Site,
  url: string,
  grant: GrantId,
): Promise<readonly Reading[]> {
  const note = site.notes.known(grant)
  if (note === null || note.account === null) return []
  const held = site.held(site.settings.target, grant).find((each) => each.grant === grant)
  const name = held === undefined ? null : sharedAccountIn(held.privileges)
  if (name !== null && isShared(site, grant, name))
    return [{ probe: 'held_by_this_grant', absent: held?.phase !== 'standing' }]
  // Of a shared account nothing else says that it was taken back: its secret may be another by now than was handed out.
  if (name !== null && note.removedAt === null) return [{ probe: 'bind', absent: false }]
  if (note.secret === null) return name === null ? [] : [{ probe: 'bind', absent: true }]
  const isOpen = await opens(site.settings, url, note.account, note.secret)
  if (isOpen === null && name !== null)
    throw new Error(`${url} does not say whether account ${name} can be entered`)
  return isOpen === null ? [] : [{ probe: 'bind', absent: !isOpen }]
}

/** Clients believe a membership for a while after it is gone (EN-08): absence is not claimed before that is over. */
function residual(site: Site, grant: GrantId): readonly ProbeResult[] {
  const seconds = site.settings.residualSeconds
  const note = site.notes.known(grant)
  if (seconds === null || seconds === 0 || note === null) return []
  if (!rightsOfItsOwn(site, grant).some(({ isItsOwn }) => isItsOwn)) return []
  const at = site.clock.read().wall
  const absent = note.removedAt !== null && at - note.removedAt >= seconds * 1000
  return [{ probe: 'believed_by_clients', absent, at }]
}

/** True once the prober sees all of it, and what was handed out opens the entry. */
export async function probePresence(site: Site, grant: GrantId): Promise<boolean> {
  const note = site.notes.known(grant)
  const account = note?.account ?? null
  if (note === null || account === null) return false
  const held = site.held(site.settings.target, grant).find((each) => each.grant === grant)
  if (note.rights.length > 0 && held?.phase !== 'standing') return false
  const plan = held === undefined ? 'not_held' : planOf(site.settings, held)
  const profile =
    typeof plan === 'object' && plan.kind === 'entry'
      ? site.settings.entries[plan.profile]
      : undefined
  const groups = [...note.rights.map(({ group }) => group), ...(profile?.groups ?? [])]
  return onSession(site.probe, async (session) => {
    for (const group of groups)
      if (!(await isMemberOf(session, groupNamed(site.settings, group), account)))
        return false
    if (note.secret === null)
      return note.byOrder ? isThere(session, account) : note.rights.length > 0
    return (await opens(site.settings, site.settings.url, account, note.secret)) === true
  })
}

const isThere = async (session: Session, dn: string): Promise<boolean> =>
  (await readEntry(session, dn)) !== null

/** Grants whose access this target shows. */
export async function standingGrants(site: Site): Promise<readonly GrantId[]> {
  const { container, target } = site.settings
  const own = await onSession(site.probe, async (session) => {
    if (container === null) return []
    const found = await search(session, container, { scope: 'one' })
    return found.map(({ dn }) => grantAt(dn, container)).filter((grant) => grant !== null)
  })
  const known = new Set(own)
  for (const held of site.held(target)) {
    if (known.has(held.grant) || held.phase === 'closing') continue
    const stands =
      held.phase === 'standing'
        ? await probePresence(site, held.grant)
        : !(await probeAbsence(site, held.grant)).every(({ absent }) => absent)
    if (stands) known.add(held.grant)
  }
  return [...known]
}
