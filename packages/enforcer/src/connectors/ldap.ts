import type { GrantId } from '@halligan/core'
import { accountNamed, checkOut, endAccount, rotateAccount } from './ldap-account.ts'
import { dnKey } from './ldap-dn.ts'
import { applyEntry, endEntry, entryOf, resealEntry } from './ldap-entry.ts'
import { readEvidence } from './ldap-evidence.ts'
import { applyGroups, endGroups, type Site } from './ldap-groups.ts'
import { lacksOf } from './ldap-lacks.ts'
import { ldapLock } from './ldap-lock.ts'
import { groupsOf } from './ldap-nesting.ts'
import { notesIn, type Plan, planOf } from './ldap-plan.ts'
import { probeAbsence, probePresence, standingGrants } from './ldap-probe.ts'
import { connectAs, onSession, readEntry, tryAll, within } from './ldap-session.ts'
import { type LdapSettings, ldapSettings } from './ldap-settings.ts'
import { differenceOf, takeSnapshot } from './ldap-snapshot.ts'
import { excessOf, strangersOf } from './ldap-strangers.ts'
import { newPassword } from './new-password.ts'
import { admitting, mustBeKnown } from './notes.ts'
import type { Applied, Connector, Credential, Opening } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { accountNamed as sharedAccountIn, whyNotCheckedOut } from './shared-account.ts'

/** One LDAP directory as a target: memberships, entries of grants, and shared entries. */
export const makeLdapConnector: MakeConnector = (settings, ports) =>
  ldapConnector(ldapSettings(settings), ports)

const millisAtMost = 28_000

export function ldapConnector(settings: LdapSettings, ports: ConnectorPorts): Connector {
  const site: Site = {
    settings,
    clock: ports.clock,
    held: ports.held,
    vault: ports.vault,
    notes: notesIn(settings, ports),
    lock: ldapLock(settings),
    connect: () => connectAs(settings, settings.connector),
    probe: (url) => connectAs(settings, settings.prober, url),
    inAccount: inTurnPerAccount(),
  }
  /** Settles in time, whatever the directory does. */
  const at = async <T>(target: string, work: () => Promise<T>): Promise<T> => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
    return within(millisAtMost, work())
  }
  return {
    open: () => within(millisAtMost, site.lock.take()),
    close: () => within(millisAtMost, site.lock.release()),
    snapshot: (target) => at(target, () => takeSnapshot(site)),
    difference: differenceOf,
    apply: (opening) => at(opening.target, () => apply(site, opening)),
    reseal: (grant, target) => at(target, () => reseal(site, grant)),
    probePresent: (grant, target) => at(target, () => probePresence(site, grant)),
    end: (grant, target) => at(target, () => end(site, grant)),
    probeAbsent: (grant, target) =>
      at(target, async () => admitting(site.notes, grant, await probeAbsence(site, grant))),
    cleanup: (grant, target) => at(target, () => cleanUp(site, grant)),
    standing: (target) => at(target, () => standingGrants(site)),
    unreadable: (target) =>
      at(target, async () => site.notes.unreadable(site.held(target))),
    excess: (target) => at(target, () => excessOf(site)),
    lacks: (target) => at(target, () => lacksOf(site)),
    strangers: (target) => at(target, () => strangersOf(site)),
    evidence: (grant, target) => at(target, () => readEvidence(site, grant)),
    refuses: (opening) => refusalOf(site, opening),
    sharedAccount: sharedAccountIn,
    accounts: () => Object.keys(settings.sharedAccounts),
    rotate: (account) => within(millisAtMost, rotateAccount(site, account)),
  }
}

/** An apply and an ending of one account never interleave; those of different accounts do. */
function inTurnPerAccount(): Site['inAccount'] {
  const queues = new Map<string, Promise<unknown>>()
  return (account, work) => {
    const key = dnKey(account)
    const turn = (queues.get(key) ?? Promise.resolve()).then(work)
    const over = turn
      .catch(() => undefined)
      .then(() => {
        if (queues.get(key) === over) queues.delete(key)
      })
    queues.set(key, over)
    return turn
  }
}

function refusalOf(site: Site, opening: Opening): string | null {
  const plan = planOf(site.settings, opening)
  if (typeof plan === 'string') return plan
  const { sharedAccounts, target } = site.settings
  return whyNotCheckedOut(opening, Object.keys(sharedAccounts), site.held(target))
}

function planned(site: Site, asked: Parameters<typeof planOf>[1]): Plan {
  const plan = planOf(site.settings, asked)
  if (typeof plan === 'string') throw new Error(plan)
  return plan
}

async function apply(site: Site, opening: Opening): Promise<Applied> {
  const { settings, notes } = site
  notes.mustBeReadable(opening.grant)
  const plan = planned(site, opening)
  if (plan.kind === 'groups') {
    const outcome = await applyGroups(site, opening, plan)
    if (outcome !== 'applied') return outcome
    return { kind: 'applied', credential: credentialOf(settings, plan.account) }
  }
  if (plan.kind === 'account') {
    const outcome = await checkOut(site, opening, plan.name)
    if ('lateAt' in outcome) return { kind: 'too_late', targetNow: outcome.lateAt }
    const dn = accountNamed(settings, plan.name)
    return { kind: 'applied', credential: credentialOf(settings, dn, outcome.secret) }
  }
  const profile = settings.entries[plan.profile]
  if (profile === undefined) throw new Error('unknown_privilege')
  const password = newPassword()
  const outcome = await applyEntry(site, opening, profile, password)
  if (outcome !== 'applied') return { kind: 'too_late', targetNow: outcome.lateAt }
  const dn = entryOf(settings, opening.grant)
  return { kind: 'applied', credential: credentialOf(settings, dn, password) }
}

/** A membership has no secret: the person's own, which nobody here knows, opens it. */
async function reseal(site: Site, grant: GrantId): Promise<Credential> {
  const { settings, notes } = site
  notes.mustBeReadable(grant)
  const note = notes.of(grant)
  const held = site.held(settings.target, grant).find((each) => each.grant === grant)
  if (note === null || note.account === null || held?.phase !== 'standing')
    throw new Error(`${grant} does not stand`)
  const plan = planned(site, held)
  if (plan.kind === 'entry') {
    const password = newPassword()
    await resealEntry(site, grant, password)
    return credentialOf(settings, entryOf(settings, grant), password)
  }
  if (!(await probePresence(site, grant))) throw new Error(`${grant} does not stand`)
  return credentialOf(settings, note.account, note.secret ?? undefined)
}

/** What an opening may still do is shut out first; where that cannot be, the ending goes on, and is to be tried again. */
async function end(site: Site, grant: GrantId): Promise<void> {
  const held = site.held(site.settings.target, grant).find((each) => each.grant === grant)
  const name = held === undefined ? null : sharedAccountIn(held.privileges)
  await tryAll(`${grant} is not ended`, [
    () => site.lock.settle(),
    () => endGroups(site, grant),
    () => endEntry(site, grant),
    async () => mustBeKnown(site.notes, grant, site.notes.known(grant)),
    ...(name === null ? [] : [() => endAccount(site, grant, name)]),
  ])
}

/** Nothing is left to drop: the ending has deleted the entry. That it has is looked at again. */
async function cleanUp({ settings, connect, notes }: Site, grant: GrantId): Promise<void> {
  if (settings.container !== null) {
    const dn = entryOf(settings, grant)
    const left = await onSession(connect, async (session) => [
      ...((await readEntry(session, dn)) === null ? [] : [dn]),
      ...(await groupsOf(settings, session, dn)),
    ])
    if (left.length > 0) throw new Error(`${grant} left ${left.join(', ')}: end it first`)
  }
  notes.drop(grant)
}

/** In the names of OpenLDAP's own environment where it has them. */
const credentialOf = (
  { url, reach, base }: LdapSettings,
  dn: string,
  password?: string,
): Credential => ({
  LDAPURI: reach ?? url,
  LDAPBINDDN: dn,
  LDAPBASE: base,
  ...(password === undefined ? {} : { LDAPPASSWORD: password }),
})
