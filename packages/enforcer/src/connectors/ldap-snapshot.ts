/**
 * What a persistence diff compares: every entry below the base as a digest of all that the prober sees of it, and in words
 * what confers access: memberships, keys, password state, access rules in entries and in the configuration.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Entry } from 'ldapts'
import { dnKey, grantAt, isDn, isWithin, sameDn } from './ldap-dn.ts'
import { groupNamed, type Site } from './ldap-groups.ts'
import { noEntries, onSession, resultCode, resultCodes, search } from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'
import type { Difference, Snapshot } from './port.ts'
import { differenceOf as differenceOfRows, type Row, snapshotOf } from './snapshot-rows.ts'

/** Who writes what, and when, changes with every ending of another grant; what was written is compared. */
const unstable = [
  'modifytimestamp',
  'modifiersname',
  'entrycsn',
  'contextcsn',
  'memberof',
  'structuralobjectclass',
  'subschemasubentry',
  'hassubordinates',
  'pwdlastsuccess',
  'authtimestamp',
]

const kindOf: Readonly<Record<string, string>> = {
  member: 'member',
  uniquemember: 'member',
  memberuid: 'member',
  sshpublickey: 'ssh_key',
  usercertificate: 'certificate',
  'usercertificate;binary': 'certificate',
  authzto: 'proxy_right',
  authzfrom: 'proxy_right',
  aci: 'access_rule',
  openldapaci: 'access_rule',
  olcaccess: 'access_rule',
  olcrootdn: 'root_dn',
  pwdpolicysubentry: 'password_policy',
  pwdaccountlockedtime: 'password_state',
  pwdendtime: 'password_state',
  pwdreset: 'password_state',
  pwdchangedtime: 'password_state',
  shadowexpire: 'password_state',
  userpassword: 'password',
}

export async function takeSnapshot(site: Site): Promise<Snapshot> {
  const { base } = site.settings
  const rows = await onSession(site.probe, async (session) => {
    const attributes = ['*', '+']
    const entries = await search(session, base, { scope: 'sub', attributes })
    const configuration = await search(session, 'cn=config', {
      scope: 'sub',
      attributes,
    }).catch(unreadable)
    return [
      ...entries.flatMap((entry) => rowsOf(site, entry)),
      ...(configuration ?? []).flatMap((entry) => rowsOf(site, entry)),
      ...(configuration === null || configuration.length === 0
        ? [['unread', 'cn=config', 'the prober may not read it'] as const]
        : []),
    ]
  })
  const explained = membershipsOfGrants(site)
  const compared = rows.filter(
    ([kind, object]) => kind !== 'member' || !explained.has(object),
  )
  return snapshotOf(compared)
}

const unreadable = (error: unknown): readonly Entry[] | null =>
  resultCode(error) === resultCodes.insufficientAccess ? null : noEntries(error)

/** Entries of grants have their own orders and receipts; the lock changes all the time. */
function rowsOf({ settings }: Site, entry: Entry): Row[] {
  const { container, lock } = settings
  if (sameDn(entry.dn, lock)) return []
  if (container !== null && grantAt(entry.dn, container) !== null) return []
  const rows: Row[] = []
  const rest: string[] = []
  const { dn, ...attributes } = entry
  for (const [type, found] of Object.entries(attributes)) {
    const name = type.toLowerCase()
    if (unstable.includes(name)) continue
    const kind = kindOf[name]
    for (const value of Array.isArray(found) ? found : [found])
      if (kind === undefined) rest.push(JSON.stringify([name, textOf(value)]))
      else rows.push(...rowOf(settings, kind, dn, textOf(value)))
  }
  const wholly = sha256(rest.toSorted().join('\n'))
  return [...rows, ['entry', dn, `${wholly}${writtenBy(settings, entry)}`]]
}

const textOf = (value: string | Buffer): string =>
  typeof value === 'string' ? value : `:: ${value.toString('base64')}`

function rowOf(settings: LdapSettings, kind: string, dn: string, value: string): Row[] {
  if (kind === 'password') return [[kind, dn, sha256(value)]]
  if (kind !== 'member') return [[kind, `${dn}: ${value}`, '']]
  if (!isDn(value)) return [[kind, `${value} in ${dn}`, '']]
  const isPlaceholder = sameDn(value, settings.lock)
  const { container } = settings
  const isOfGrant = container !== null && grantAt(value, container) !== null
  return isPlaceholder || isOfGrant ? [] : [[kind, membership(value, dn), '']]
}

const membership = (member: string, group: string): string =>
  `${dnKey(member)} in ${dnKey(group)}`

/** Only who may have got in by a grant: other writers change with the endings of other grants. */
function writtenBy({ accounts, container }: LdapSettings, entry: Entry): string {
  const by = String(entry.modifiersName ?? '')
  if (!isDn(by)) return ''
  const isGrantee =
    (container !== null && isWithin(by, container)) ||
    Object.values(accounts).some((account) => sameDn(account, by))
  return isGrantee ? ` written by ${by}` : ''
}

/** What standing grants confer on people's own entries has its own orders and receipts. */
function membershipsOfGrants(site: Site): ReadonlySet<string> {
  const { settings } = site
  const found = new Set<string>()
  for (const held of site.held(settings.target)) {
    const note = held.phase === 'closing' ? null : site.notes.known(held.grant)
    for (const { group, before } of note?.rights ?? [])
      if (!before && note !== null && note.account !== null)
        found.add(membership(note.account, groupNamed(settings, group).dn))
  }
  return found
}

const sha256 = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 22)

/** What was added, removed or changed; of a password only that it was. */
export const differenceOf = (before: Snapshot, after: Snapshot): readonly Difference[] =>
  differenceOfRows(before, after, {
    inWords: ([kind, object, detail]) =>
      kind === 'password' || detail === '' ? object : `${object} (${detail})`,
  })
