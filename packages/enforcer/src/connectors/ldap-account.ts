/**
 * Check-out of a shared account: the secret is the vault's, handed out to one grant at a time, and replaced when that ends.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import { giveSecret, readableSecrets } from './account-secret.ts'
import { hashed, replacing } from './ldap-entry.ts'
import type { Site } from './ldap-groups.ts'
import { blankNote } from './ldap-plan.ts'
import { bound, leave, onSession, resultCode, resultCodes } from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { newPassword } from './new-password.ts'
import type { Difference, Opening } from './port.ts'
import {
  mustBeFree,
  mustRest,
  accountNamed as sharedAccountIn,
  standsOtherwise,
  unreadable,
} from './shared-account.ts'

export function accountNamed({ sharedAccounts }: LdapSettings, name: string): string {
  const dn = sharedAccounts[name]
  if (dn === undefined) throw new Error(`account ${name} is not in the settings any more`)
  return dn
}

/** The same person has it by another grant as well: an extension has no gap, and ending this one changes nothing. */
export const isShared = ({ settings, held }: Site, grant: GrantId, name: string): boolean =>
  standsOtherwise(held(settings.target), grant, name)

/** Null when the directory gave no answer to the question, such as an account that is locked for too many tries. */
export async function opens(
  settings: LdapSettings,
  url: string,
  dn: string,
  secret: string,
): Promise<boolean | null> {
  try {
    await leave(await bound(settings, url, dn, secret))
    return true
  } catch (error) {
    const { invalidCredentials, inappropriateAuthentication, noSuchObject } = resultCodes
    const refusals: readonly (number | null)[] = [
      invalidCredentials,
      inappropriateAuthentication,
      noSuchObject,
    ]
    if (refusals.includes(resultCode(error))) return false
    if (resultCode(error) === null) throw error
    return null
  }
}

export const endpointsOf = ({ url, replicas }: LdapSettings): readonly string[] => [
  url,
  ...replicas,
]

/** `probe` for the directory itself, `replica_2_probe` for its second replica. */
export const probeAt = (endpoint: number, probe: string): string =>
  endpoint === 0 ? probe : `replica_${endpoint}_${probe}`

/** Exposes the secret in the vault; makes one first where there is none that opens the account. */
export async function checkOut(
  site: Site,
  opening: Opening,
  name: string,
): Promise<Readonly<{ secret: string } | { lateAt: Instant }>> {
  const { settings } = site
  const { grant, applyBefore } = opening
  const dn = accountNamed(settings, name)
  return site.inAccount(dn, () =>
    site.lock.whileHeld(async (held) => {
      mustBeFree(opening, Object.keys(settings.sharedAccounts), site.held(settings.target))
      const early = await held.now()
      if (early >= applyBefore) {
        await takeBack(site, grant, name, dn)
        return { lateAt: early }
      }
      const { current } = await site.vault.secrets(settings.target, name)
      const isGood =
        current !== null && (await opens(settings, settings.url, dn, current)) === true
      const secret = isGood ? current : newPassword()
      site.notes.put(grant, { ...blankNote, account: dn, secret })
      if (!isGood) await setSecret(site, name, dn, secret)
      const at = await held.now()
      if (at < applyBefore) return { secret }
      await takeBack(site, grant, name, dn)
      return { lateAt: at }
    }),
  )
}

/** Nothing was exposed: nothing needs to change. */
async function takeBack(site: Site, grant: GrantId, name: string, dn: string) {
  if (isShared(site, grant, name)) return
  if (site.notes.known(grant) !== null) await setSecret(site, name, dn, newPassword())
}

/** In the vault before it is at the directory, and exactly one value there, whatever others were added. */
async function setSecret(
  site: Site,
  name: string,
  dn: string,
  secret: string,
): Promise<void> {
  const { settings, vault } = site
  await settleProposal(site, name, dn)
  await giveSecret({ vault, settings, account: name }, secret, async () => {
    await replaceSecret(site, dn, secret, () => vault.withdraw(settings.target, name))
    if ((await opens(settings, settings.url, dn, secret)) !== true)
      throw new Error(`the new secret of account ${name} does not open it`)
  })
}

/** A proposal that the directory had taken when we died is what holds now, whatever comes of the next. */
async function settleProposal({ settings, vault }: Site, name: string, dn: string) {
  const { proposed } = await vault.secrets(settings.target, name)
  if (proposed !== null && (await opens(settings, settings.url, dn, proposed)) === true)
    await vault.confirm(settings.target, name)
}

/**
 * `giveUp` where the directory cannot have taken it: it was never asked, or has refused, which is all or nothing (RFC 4511, 4.6). Tries
 * without end leave nothing in the vault so.
 */
async function replaceSecret(
  { settings, connect }: Site,
  dn: string,
  secret: string,
  giveUp: () => Promise<void>,
): Promise<void> {
  let isAsked = false
  try {
    await onSession(connect, ({ client }) => {
      isAsked = true
      const value = hashed(secret, settings.passwordScheme)
      return client.modify(dn, replacing('userPassword', [value]))
    })
  } catch (error) {
    if (!isAsked || resultCode(error) !== null) await giveUp().then(...thatItDid)
    throw error
  }
}

/**
 * Locks whoever is in the account out, by replacing its secret, whatever that is by now: a grantee may have changed it. That it was
 * replaced is noted, since nothing else proves that the account was taken back. What was proven absent is sealed again.
 */
export async function endAccount(site: Site, grant: GrantId, name: string): Promise<void> {
  const dn = accountNamed(site.settings, name)
  await site.inAccount(dn, async () => {
    const note = site.notes.known(grant)
    // Nothing was exposed: nothing needs to change.
    if (note === null || isOver(site, grant) || isShared(site, grant, name)) return
    const secret = note.secret ?? (await currentSecret(site, name))
    await lockOut(site, name, dn)
    site.notes.put(grant, { ...note, secret, removedAt: site.clock.read().wall })
  })
}

/** What was handed out, where only the vault knows it still; null where it cannot be read. */
const currentSecret = ({ settings, vault }: Site, name: string): Promise<string | null> =>
  vault.secrets(settings.target, name).then(
    ({ current }) => current,
    () => null,
  )

const isOver = ({ settings, held }: Site, grant: GrantId): boolean =>
  held(settings.target, grant).some((one) => one.grant === grant && one.phase === 'closing')

/**
 * By a secret that nobody has. The vault has it first, where it takes it, but an ending waits for no vault: its trouble is told by
 * the rotation, which settles what was left and sets another.
 */
async function lockOut(site: Site, name: string, dn: string): Promise<void> {
  const { settings, vault } = site
  const secret = newPassword()
  const isKept = await settleProposal(site, name, dn)
    .then(() => vault.propose(settings.target, name, secret))
    .then(...thatItDid)
  await replaceSecret(site, dn, secret, async () => {
    if (isKept) await vault.withdraw(settings.target, name)
  })
  if (isKept) await vault.confirm(settings.target, name).then(...thatItDid)
}

const thatItDid = [() => true, () => false] as const

/** What was handed out since the account last rested, as far as it is noted. */
const exposedIn = ({ settings, held, notes }: Site, name: string): readonly string[] =>
  held(settings.target)
    .filter(({ privileges }) => sharedAccountIn(privileges) === name)
    .flatMap(({ grant }) => notes.of(grant)?.secret ?? [])

export function rotateAccount(site: Site, name: string): Promise<readonly ProbeResult[]> {
  const { settings, vault } = site
  const dn = accountNamed(settings, name)
  return site.inAccount(dn, async () => {
    mustRest(site.held(settings.target), name)
    const exposed = exposedIn(site, name)
    const kept = { vault, settings, account: name }
    const { current, proposed } = await readableSecrets(kept, exposed)
    const old = new Set([current, proposed, ...exposed].filter((secret) => secret !== null))
    const secret = newPassword()
    await setSecret(site, name, dn, secret)
    const probes: ProbeResult[] = []
    for (const [endpoint, url] of endpointsOf(settings).entries()) {
      const at = site.clock.read().wall
      let absent = true
      const isOpen = async () => (await opens(settings, url, dn, secret)) === true
      let isTaken = await isOpen()
      for (const each of old) {
        if ((await opens(settings, url, dn, each)) !== false) absent = false
        // Again after each: a success takes back the failures for which a directory would lock the account.
        isTaken = (await isOpen()) && isTaken
      }
      probes.push({ probe: probeAt(endpoint, 'old_secret'), absent, at })
      probes.push({ probe: probeAt(endpoint, 'new_secret_refused'), absent: isTaken, at })
    }
    return probes
  })
}

/**
 * Accounts that nobody has checked out, but whose secret is not the vault's any more, or as which somebody is bound: somebody
 * has a secret that nobody was given. And those of which the vault cannot read the secret. What the directory does not say is not told.
 */
export async function sealedInUse(
  site: Site,
  boundAs: ((dn: string) => Promise<number>) | null,
): Promise<readonly Difference[]> {
  const found: Difference[] = []
  for (const [name, dn] of Object.entries(site.settings.sharedAccounts))
    found.push(...(await site.inAccount(dn, () => ofSealed(site, name, dn, boundAs))))
  return found
}

async function ofSealed(
  site: Site,
  name: string,
  dn: string,
  boundAs: ((dn: string) => Promise<number>) | null,
): Promise<readonly Difference[]> {
  const { settings, vault } = site
  const secrets = await vault.secrets(settings.target, name)
  const found = [...unreadable(name, secrets)]
  const isKnown = site
    .held(settings.target)
    .some(({ privileges }) => sharedAccountIn(privileges) === name)
  const { current, proposed } = secrets
  if (isKnown || current === null || proposed !== null) return found
  // Read before the account is tried, which is a login of its own.
  const isUsed = boundAs !== null && (await staysBound(() => boundAs(dn)))
  if ((await opens(settings, settings.url, dn, current)) === false)
    found.push({ what: 'sealed_account_changed', object: name })
  if (isUsed) found.push({ what: 'sealed_account_used', object: name })
  return found
}

const millisToLeave = 300

/** Twice, some time apart: a trial of ours that has just left is still listed. */
async function staysBound(count: () => Promise<number>): Promise<boolean> {
  if ((await count()) === 0) return false
  await pause(millisToLeave)
  return (await count()) > 0
}
