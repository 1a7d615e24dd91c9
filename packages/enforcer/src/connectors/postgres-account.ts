/**
 * Shared accounts at PostgreSQL: logins that are there before any grant and after it.
 *
 * Checking out gives one a new password and a deadline; ending locks it out and ends its sessions; rotation gives it another
 * password, proves the old one dead and the new one good, and lets it rest again. Of the rest of the account (memberships,
 * settings, limits) nothing is touched: it is its owner's, and what a grantee changes of it is in the persistence diff.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Instant, ProbeResult } from '@halligan/core'
import type pg from 'pg'
import type { Clock } from '../ports.ts'
import type { Vault } from '../store/port.ts'
import { giveSecret, readableSecrets, rotationReadings } from './account-secret.ts'
import type { AccountSteps, Counting, HandOut, SharedAccounts } from './check-out.ts'
import { withLogin } from './login-reading.ts'
import { newPassword } from './new-password.ts'
import type { Difference, Opening } from './port.ts'
import { endAccess } from './postgres-ending.ts'
import { logNoMore, logStatements } from './postgres-evidence.ts'
import type { TargetLock } from './postgres-lock.ts'
import { loginConfig } from './postgres-login.ts'
import { probeCatalog, probeLogin, timeOf } from './postgres-probe.ts'
import { checkClock, checkEndable, inTime } from './postgres-role.ts'
import { scramVerifier } from './postgres-scram.ts'
import {
  type Connect,
  inTransaction,
  literal,
  onSession,
  quoted,
  sqlState,
} from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import { holdersOf, unreadable } from './shared-account.ts'

type Desk = Readonly<{
  connect: Connect
  settings: PostgresSettings
  lock: TargetLock
  vault: Vault
  clock: Clock
}>

/** One account, with all that is needed to act on it. */
type Kept = Desk & Readonly<{ account: string }>

export const accountAt =
  (desk: Desk) =>
  (account: string): AccountSteps => {
    const kept = { ...desk, account }
    return {
      open: (opening, handOut) => open(kept, opening, handOut),
      reseal: (handOut) => reseal(kept, handOut),
      isOpen: async () =>
        (await onSession(desk.connect, ({ db }) => checkedOutOf(db, [account]))).length > 0,
      shut: () => endAccess(desk.connect, account, 'shared'),
      probe: (secret) => probe(kept, secret),
      rotate: (exposed) => rotate(kept, exposed),
      forget: () => forget(kept),
    }
  }

/**
 * A crash may have left the secret that the target has as a mere proposal, which the next one would overwrite: then whoever
 * opens the vault finds none that works. Answers all that the vault held, the one that works now last; none where that may be one
 * that cannot be read.
 */
async function settled({
  account,
  settings,
  vault,
  clock,
}: Kept): Promise<readonly string[]> {
  const { target } = settings
  const { current, proposed, unreadable } = await vault.secrets(target, account)
  const secrets = [current, proposed].filter((secret) => secret !== null)
  if (proposed === null) return unreadable.length === 0 ? secrets : []
  const login = loginConfig(settings, account, proposed)
  const tried = await probeLogin(login, clock.read().wall)
  if (tried === null)
    throw new Error(`${target} does not say whether ${account} can log in`)
  if (tried.absent) return secrets.toReversed()
  await vault.confirm(target, account)
  return secrets
}

/** A new password and the deadline, on the session that holds the target's lock. The vault knows the password first. */
const open = (kept: Kept, opening: Opening, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld(async ({ db }) => {
    const { account, settings } = kept
    const { evidence, unendable } = settings
    await checkClock(db, opening.applyBefore)
    const secret = handOut((await settled(kept)).at(-1) ?? null)
    await giveSecret(kept, secret, () =>
      inTime(db, opening.applyBefore, account, async () => {
        if (unendable !== true) await checkEndable(db, [account])
        const until = await untilOf(db, account, opening.deadline)
        await db.query(
          `alter role ${quoted(account)} login password ${literal(scramVerifier(secret))}
           valid until ${literal(until)}`,
        )
        if (evidence !== undefined) await logStatements(db, account, opening.grant)
      }),
    )
    return secret
  })

/** An extension never shortens what stands, nor does what stands shorten it. */
async function untilOf(db: pg.Client, account: string, deadline: Instant): Promise<string> {
  const { rows } = await db.query<{ until: Date | null }>(
    `select case when rolcanlogin and isfinite(rolvaliduntil) then rolvaliduntil end as until
     from pg_roles where rolname = $1`,
    [account],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`there is no account ${account}`)
  return new Date(Math.max(row.until?.getTime() ?? 0, deadline)).toISOString()
}

/** A new password for an account that is checked out; same deadline. Throws when it may not log in any more. */
const reseal = (kept: Kept, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld(async ({ db }) => {
    const { account } = kept
    await settled(kept)
    const secret = handOut(null)
    await giveSecret(kept, secret, () =>
      inTransaction(db, async () => {
        await db.query(
          `alter role ${quoted(account)} password ${literal(scramVerifier(secret))}`,
        )
        if ((await checkedOutOf(db, [account])).length === 0)
          throw new Error(`${account} is not checked out any more`)
      }),
    )
    return secret
  })

/** Of these accounts, those that are checked out at the target, by their deadline: at rest one has none. */
export async function checkedOutOf(
  db: pg.Client,
  accounts: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await db.query<{ account: string }>(
    `select rolname as account from pg_roles where rolname = any($1) and rolcanlogin
     and isfinite(rolvaliduntil) and rolvaliduntil > clock_timestamp()`,
    [accounts],
  )
  return rows.map(({ account }) => account)
}

async function probe(
  { connect, settings, account }: Kept,
  secret: string | null,
): Promise<readonly ProbeResult[]> {
  const catalog = await readCatalog(connect, account)
  return withLogin(catalog, secret, (password) =>
    probeLogin(loginConfig(settings, account, password), timeOf(catalog)),
  )
}

/** As of a grant's own login, but for memberships: those are the account's, whoever is in it. */
async function readCatalog(
  connect: Connect,
  account: string,
): Promise<readonly ProbeResult[]> {
  const probes = await onSession(connect, (session) => probeCatalog(session, [account]))
  return (probes.get(account) ?? []).filter(({ probe }) => probe !== 'pg_auth_members')
}

/**
 * The one before is proven dead and this one good by real logins, and only then is it the vault's. Called again after a crash
 * it begins anew. An account that nobody is in opens at every moment to a secret in the vault. One that somebody is in is shut
 * until they are out: they could set a password of their own meanwhile.
 */
const rotate = (kept: Kept, exposed: readonly string[]): Promise<readonly ProbeResult[]> =>
  kept.lock.whileHeld(async ({ db }) => {
    const { account, connect, settings, vault, clock } = kept
    const { target } = settings
    await readableSecrets(kept, exposed)
    const olds = [...(await settled(kept)), ...exposed]
    const fresh = newPassword()
    const set = () =>
      db.query(
        `alter role ${quoted(account)} login password ${literal(scramVerifier(fresh))} valid until 'infinity'`,
      )
    await shutIfUsed(connect, account)
    await vault.propose(target, account, fresh)
    await set().catch(async (error) => {
      if (isRefused(error)) await vault.withdraw(target, account)
      throw error
    })
    if (await shutIfUsed(connect, account)) await set()
    const at = clock.read().wall
    const isOpenTo = async (secret: string): Promise<boolean> => {
      const tried = await probeLogin(loginConfig(settings, account, secret), at)
      if (tried === null)
        throw new Error(`${target} does not say whether ${account} can log in`)
      return !tried.absent
    }
    const readings = await rotationReadings({ olds, fresh }, isOpenTo, at)
    if (readings.at(-1)?.absent === true) await vault.confirm(target, account)
    return readings
  })

/** The target has not taken the secret, for the role is not there or not ours: tries without end leave nothing in the vault. */
const isRefused = (error: unknown): boolean =>
  ['42501', '42704'].includes(sqlState(error) ?? '')

/** Its log goes back to its owner once it has been read; not while somebody else has checked the account out by now. */
const forget = ({ lock, account, settings }: Kept): Promise<void> =>
  lock.whileHeld(async ({ db }) => {
    if (settings.evidence === undefined) return
    if ((await checkedOutOf(db, [account])).length === 0) await logNoMore(db, account)
  })

const millisBetweenReads = 25

/** Looks twice, some time apart: a session that was just logging in is not seen by the first. True when somebody was inside. */
async function shutIfUsed(connect: Connect, account: string): Promise<boolean> {
  const isUsed = async () =>
    (await readCatalog(connect, account)).some(
      ({ probe, absent }) => probe !== 'pg_authid' && !absent,
    )
  if (!(await isUsed())) {
    await pause(millisBetweenReads)
    if (!(await isUsed())) return false
  }
  await endAccess(connect, account, 'shared')
  return true
}

type Known = Pick<Counting, 'accounts' | 'held'> &
  Readonly<{ shared: SharedAccounts; vault: Vault; target: string }>

/**
 * Accounts with sessions that no grant explains: somebody has a secret that nobody was given. And those of which the vault cannot
 * read the secret.
 */
export const sealedInUse = (
  connect: Connect,
  { accounts, held, shared, vault, target }: Known,
): Promise<readonly Difference[]> =>
  onSession(connect, async ({ db }) => {
    const found: Difference[] = []
    for (const account of accounts)
      await shared.quietly(account, async () => {
        found.push(...unreadable(account, await vault.secrets(target, account)))
        if (holdersOf(held(), account).length > 0) return
        if (await staysInside(db, account))
          found.push({ what: 'sealed_account_used', object: account })
      })
    return found
  })

/** Seen twice, some time apart: a trial of ours that has just left is still listed. */
async function staysInside(db: pg.Client, account: string): Promise<boolean> {
  const isInside = async () => {
    const inside = 'select from pg_stat_activity where usename = $1 limit 1'
    return (await db.query(inside, [account])).rowCount !== 0
  }
  if (!(await isInside())) return false
  await pause(millisBetweenReads)
  return isInside()
}
