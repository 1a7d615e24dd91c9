/**
 * An entry of a grant's own: made from a profile in the settings, in the profile's groups, with a fresh password of which the
 * directory is sent a salted digest only.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import type { GrantId, Instant } from '@halligan/core'
import { Attribute, Change } from 'ldapts'
import { PostRead } from './ldap-controls.ts'
import { dnOfGrant, nameOf } from './ldap-dn.ts'
import { isMemberOf, join, removeMember, type Site } from './ldap-groups.ts'
import { type Held, instantOf } from './ldap-lock.ts'
import { groupsOf } from './ldap-nesting.ts'
import { blankNote } from './ldap-plan.ts'
import {
  onSession,
  readEntry,
  reasonOf,
  resultCode,
  resultCodes,
  type Session,
  search,
  tryAll,
  unless,
} from './ldap-session.ts'
import type { EntryProfile, LdapSettings } from './ldap-settings.ts'
import type { Opening } from './port.ts'

/** Salted, in a scheme of the directory. A password of 256 random bits needs no slow one. */
export function hashed(password: string, scheme: LdapSettings['passwordScheme']): string {
  const salt = randomBytes(16)
  const digest = createHash(scheme === 'SSHA' ? 'sha1' : 'sha512')
    .update(password)
    .update(salt)
    .digest()
  return `{${scheme}}${Buffer.concat([digest, salt]).toString('base64')}`
}

export const replacing = (type: string, values: readonly string[]): Change =>
  new Change({
    operation: 'replace',
    modification: new Attribute({ type, values: [...values] }),
  })

const dnIn = ({ container }: LdapSettings, grant: GrantId): string | null =>
  container === null ? null : dnOfGrant(grant, container)

export function entryOf(settings: LdapSettings, grant: GrantId): string {
  const dn = dnIn(settings, grant)
  if (dn === null) throw new Error('entries need a container')
  return dn
}

/** Answers the directory's time at which it was done, or at which it was too late to be done. */
export async function applyEntry(
  site: Site,
  opening: Opening,
  profile: EntryProfile,
  password: string,
): Promise<'applied' | Readonly<{ lateAt: Instant }>> {
  const dn = entryOf(site.settings, opening.grant)
  return site.inAccount(dn, () =>
    site.lock.whileHeld(async (held) => {
      const early = await held.now()
      if (early >= opening.applyBefore) {
        await removeEntry(site.settings, held.session, dn)
        return { lateAt: early }
      }
      site.notes.put(opening.grant, { ...blankNote, account: dn, secret: password })
      const at = await write(site.settings, held, opening, profile, password)
      if (at < opening.applyBefore) return 'applied'
      await removeEntry(site.settings, held.session, dn)
      return { lateAt: at }
    }),
  )
}

/**
 * Without a password first, as the fence of the lock asks; then the password, and with it the directory's time. An entry that
 * is there already loses its password, and is made so again.
 */
async function write(
  settings: LdapSettings,
  held: Held,
  opening: Opening,
  profile: EntryProfile,
  password: string,
): Promise<Instant> {
  const { client } = held.session
  const dn = entryOf(settings, opening.grant)
  const attributes = attributesOf(settings, opening, profile)
  await client.add(dn, mutable(attributes)).catch(unless(resultCodes.entryAlreadyExists))
  const again = Object.entries({ ...attributes, userPassword: [] })
    .filter(notNaming)
    .map(([type, values]) => replacing(type, values))
  await client.modify(dn, again)
  for (const name of profile.groups) await join(settings, held, name, dn)
  await held.now()
  const after = new PostRead(['entryCSN'])
  const secret = [hashed(password, settings.passwordScheme)]
  await client.modify(dn, replacing('userPassword', secret), after)
  return instantOf(after.text())
}

const notNaming = ([type]: readonly [string, unknown]): boolean => type !== 'uid'

const mutable = (attributes: Readonly<Record<string, readonly string[]>>) =>
  Object.fromEntries(
    Object.entries(attributes).map(([type, values]) => [type, [...values]]),
  )

function attributesOf(
  settings: LdapSettings,
  { grant, deadline }: Opening,
  profile: EntryProfile,
): Readonly<Record<string, readonly string[]>> {
  const name = nameOf(grant)
  const filled = Object.entries(profile.attributes).map(
    ([type, values]) =>
      [type, values.map((text) => text.replaceAll('{name}', name))] as const,
  )
  return {
    ...Object.fromEntries(filled),
    objectClass: profile.objectClasses,
    uid: [name],
    ...carried(settings.deadlineAttribute, deadline),
  }
}

const millisOfDay = 86_400_000

/** `shadowExpire` counts days, and the account is refused from the day it names on: the first day after the deadline. */
function carried(
  attribute: LdapSettings['deadlineAttribute'],
  deadline: Instant,
): Readonly<Record<string, readonly string[]>> {
  if (attribute === null) return {}
  if (attribute === 'shadowExpire')
    return { shadowExpire: [String(Math.ceil(deadline / millisOfDay))] }
  return { [attribute]: [generalizedTime(deadline)] }
}

export const generalizedTime = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`

/** Only while the entry stands. */
export async function resealEntry(site: Site, grant: GrantId, password: string) {
  const dn = entryOf(site.settings, grant)
  await site.inAccount(dn, () =>
    site.lock.whileHeld(async (held) => {
      const before = site.notes.of(grant)
      if (before === null || (await readEntry(held.session, dn)) === null)
        throw new Error(`the entry of ${grant} does not stand`)
      site.notes.put(grant, { ...before, secret: password })
      const secret = [hashed(password, site.settings.passwordScheme)]
      await held.now()
      await held.session.client.modify(dn, replacing('userPassword', secret))
    }),
  )
}

export async function endEntry(site: Site, grant: GrantId): Promise<void> {
  const dn = dnIn(site.settings, grant)
  if (dn === null) return
  await site.inAccount(dn, () =>
    onSession(site.connect, (session) => removeEntry(site.settings, session, dn)),
  )
}

/**
 * Every step is tried whatever became of the one before. The entry goes at once, and not as cleanup: somebody who is still
 * bound as it could set a new password for as long as it is there.
 */
async function removeEntry(
  settings: LdapSettings,
  session: Session,
  dn: string,
): Promise<void> {
  const { client } = session
  const steps = [
    () =>
      client
        .modify(dn, [replacing('userPassword', [])])
        .catch(unless(resultCodes.noSuchObject)),
    () => leaveGroups(settings, session, dn),
    () =>
      client
        .del(dn)
        .catch(unless(resultCodes.noSuchObject))
        .catch(namingChildren(session, dn)),
  ]
  await tryAll(`${dn} is not ended`, steps)
}

/** Every group that lists it, whoever put it there. */
async function leaveGroups(
  settings: LdapSettings,
  session: Session,
  dn: string,
): Promise<void> {
  const failures: string[] = []
  for (const group of await groupsOf(settings, session, dn))
    for (const attribute of ['member', 'uniqueMember'] as const) {
      const from = { dn: group, attribute, standing: null }
      if (!(await isMemberOf(session, from, dn))) continue
      await removeMember(settings, session, from, dn).catch((error) =>
        failures.push(`${group} keeps it (${reasonOf(error)})`),
      )
    }
  if (failures.length > 0) throw new Error(failures.join('; '))
}

/** What a grantee put below its own entry is not deleted: it may be the repair, or evidence. */
const namingChildren = (session: Session, dn: string) => async (error: unknown) => {
  if (resultCode(error) !== resultCodes.notAllowedOnNonLeaf) throw error
  const children = await search(session, dn, { scope: 'one' })
  const names = children.map((child) => child.dn).join(', ')
  throw new Error(`it has entries below it: ${names}`, { cause: error })
}
