/**
 * What no grant explains, and what the binds of this connector may do beyond their work.
 *
 * @module
 */
import { Attribute, Change } from 'ldapts'
import { sealedInUse } from './ldap-account.ts'
import { withoutEffect } from './ldap-controls.ts'
import { dnKey, grantAt, isDn, sameDn } from './ldap-dn.ts'
import { replacing } from './ldap-entry.ts'
import { groupNamed, isMemberOf, type Site } from './ldap-groups.ts'
import { type Ended, endedBefore } from './ldap-memory.ts'
import { planOf } from './ldap-plan.ts'
import { connectionsOf } from './ldap-probe.ts'
import {
  onSession,
  readEntry,
  resultCode,
  resultCodes,
  type Session,
  search,
  valuesOf,
} from './ldap-session.ts'
import type { GroupSettings, LdapSettings } from './ldap-settings.ts'
import type { Difference, Excess } from './port.ts'

export async function strangersOf(site: Site): Promise<readonly Difference[]> {
  const ended = await onSession(site.connect, (own) => endedBefore(site.settings, own))
  const { monitor } = site.settings
  return onSession(site.probe, async (session) => [
    ...(await foreignEntries(site, session)),
    ...(await foreignMembers(site, session, ended)),
    ...(await sealedInUse(
      site,
      monitor === null ? null : (dn) => connectionsOf(session, monitor, dn),
    )),
  ])
}

async function foreignEntries(
  { settings }: Site,
  session: Session,
): Promise<readonly Difference[]> {
  const { container, lock } = settings
  if (container === null) return []
  const found = await search(session, container, { scope: 'one' })
  return found
    .filter(({ dn }) => !sameDn(dn, lock) && grantAt(dn, container) === null)
    .map(({ dn }) => ({ what: 'foreign_entry', object: dn }))
}

async function foreignMembers(
  site: Site,
  session: Session,
  ended: readonly Ended[],
): Promise<readonly Difference[]> {
  const found: Difference[] = []
  for (const [name, group] of Object.entries(site.settings.groups)) {
    const entry = await readEntry(session, group.dn, [group.attribute])
    const explained = explainedMembers(site, name, group)
    for (const member of entry === null ? [] : valuesOf(entry, group.attribute)) {
      const key = isDn(member) ? dnKey(member) : member
      if (explained.has(key) || isOfGrant(site.settings, member)) continue
      const isEnded = ended.some((each) => each.group === name && each.account === key)
      const what = isEnded ? 'reappeared_member' : 'foreign_member'
      if (isEnded || group.standing !== null)
        found.push({ what, object: `${member} in ${group.dn}` })
    }
  }
  return found
}

/** Those of whom the settings say that they stand there, whoever a grant put there, and the placeholder. */
function explainedMembers(
  { settings, held }: Site,
  name: string,
  group: GroupSettings,
): ReadonlySet<string> {
  const known = [settings.lock, ...(group.standing ?? [])]
  for (const grant of held(settings.target)) {
    const plan = grant.phase === 'closing' ? 'closing' : planOf(settings, grant)
    if (typeof plan !== 'string' && plan.kind === 'groups' && plan.groups.includes(name))
      known.push(plan.account)
  }
  return new Set(known.map(dnKey))
}

const isOfGrant = ({ container }: LdapSettings, member: string): boolean =>
  container !== null && isDn(member) && grantAt(member, container) !== null

/**
 * Asks the directory itself, with writes that it checks and does not keep (OpenLDAP's no-op control). What it would have
 * done is excess; what it refuses is as it should be.
 */
export async function excessOf(site: Site): Promise<readonly Excess[]> {
  const { settings } = site
  const connectors = await onSession(site.connect, (session) => tried(site, session))
  const probers = await onSession(site.probe, async (session) => [
    ...(await tried(site, session)),
    ...(await triedMembers(settings, session)),
  ])
  return [
    ...connectors.map((what) => ({ grave: true, words: `the connector ${what}` })),
    ...probers.map((what) => ({ grave: true, words: `the prober ${what}` })),
    ...believed(settings),
  ]
}

const believed = ({ residualSeconds }: LdapSettings): readonly Excess[] =>
  residualSeconds === null
    ? [
        {
          grave: false,
          words:
            'residualSeconds is not set: how long clients believe an ended membership (SSSD, Kerberos tickets) is not known',
        },
      ]
    : []

async function tried({ settings }: Site, session: Session): Promise<readonly string[]> {
  const { base, accounts } = settings
  const attempts = [
    { what: `may write ${base}`, dn: base, change: replacing('description', ['x']) },
    {
      what: 'may write cn=config',
      dn: 'cn=config',
      change: replacing('olcReadOnly', ['TRUE']),
    },
    ...Object.values(accounts).map((dn) => ({
      what: `may set the password of ${dn}`,
      dn,
      change: replacing('userPassword', ['x']),
    })),
  ]
  const found: string[] = []
  for (const { what, dn, change } of attempts)
    if (await wouldWrite(session, dn, change)) found.push(what)
  if (await wouldAdd(session, base)) found.push(`may add entries below ${base}`)
  return found
}

async function triedMembers(
  settings: LdapSettings,
  session: Session,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of Object.keys(settings.groups)) {
    const group = groupNamed(settings, name)
    if (await isMemberOf(session, group, settings.lock)) continue
    const modification = new Attribute({ type: group.attribute, values: [settings.lock] })
    const change = new Change({ operation: 'add', modification })
    if (await wouldWrite(session, group.dn, change)) found.push(`may write ${group.dn}`)
  }
  return found
}

async function wouldWrite(session: Session, dn: string, change: Change): Promise<boolean> {
  return session.client.modify(dn, change, withoutEffect()).then(() => true, wouldHaveDone)
}

async function wouldAdd(session: Session, base: string): Promise<boolean> {
  const dn = `cn=halligan-excess-probe,${base}`
  return session.client
    .add(dn, { objectClass: ['device'], cn: ['halligan-excess-probe'] }, withoutEffect())
    .then(() => true, wouldHaveDone)
}

/** No answer at all is thrown on; any refusal means that this bind may not. */
function wouldHaveDone(error: unknown): boolean {
  const code = resultCode(error)
  if (code === null) throw error
  return code === resultCodes.noOperation
}
