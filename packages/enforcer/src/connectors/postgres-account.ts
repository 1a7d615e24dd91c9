/**
 * Shared accounts at PostgreSQL: logins that are there before any grant and after it, checked out by one person at a time
 * (`account:NAME`). At rest an account is sealed: it can log in with the secret in the vault, which nobody has been given.
 *
 * Checking out gives it a new password and a deadline; ending locks it out and ends its sessions; rotation gives it another
 * password, proves the old one dead and the new one good, and lets it rest again. Of the rest of the account (memberships,
 * settings, limits) nothing is touched: it is its owner's, and what a grantee changes of it is in the persistence diff.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type pg from 'pg'
import type { Difference, Held, Opening } from './port.ts'
import { endAccess } from './postgres-ending.ts'
import { logNoMore, logStatements } from './postgres-evidence.ts'
import { loginConfig } from './postgres-login.ts'
import { probeCatalog, probeLogin } from './postgres-probe.ts'
import { checkEndable, inTime, newPassword, type Outcome } from './postgres-role.ts'
import { scramVerifier } from './postgres-scram.ts'
import {
  type Connect,
  inTransaction,
  literal,
  onSession,
  quoted,
  type Session,
} from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import type { ConnectorPorts } from './registry.ts'
import { accountNamed } from './shared-account.ts'

/** Where an account is, and what is lent for it. */
export type Keeping = Readonly<{
  account: string
  settings: PostgresSettings
  vault: ConnectorPorts['vault']
}>

/**
 * A crash may have left the secret that the target has as a mere proposal, which the next one would overwrite: then whoever
 * opens the vault finds none that works. Answers all that the vault held.
 */
async function settled({ account, settings, vault }: Keeping): Promise<readonly string[]> {
  const { target } = settings
  const { current, proposed } = await vault.secrets(target, account)
  if (proposed !== null) {
    const login = loginConfig(settings, account, proposed)
    const tried = await probeLogin(login, Date.now() as Instant)
    if (tried === null)
      throw new Error(`${target} does not say whether ${account} can log in`)
    if (!tried.absent) await vault.confirm(target, account)
  }
  return [current, proposed].filter((secret) => secret !== null)
}

/** A new password and the deadline, on the session that holds the target's lock. The vault knows the password first. */
export async function checkOut(
  { db }: Session,
  kept: Keeping,
  opening: Opening,
  password: string,
  isShared: boolean,
): Promise<Outcome> {
  const { account, settings, vault } = kept
  await settled(kept)
  await vault.propose(settings.target, account, password)
  const outcome = await inTime(db, opening.applyBefore, account, async () => {
    if (settings.unendable !== true) await checkEndable(db, [account])
    const until = await untilOf(db, account, opening.deadline, isShared)
    await db.query(
      `alter role ${quoted(account)} login password ${literal(scramVerifier(password))}
       valid until ${literal(until)}`,
    )
    if (settings.evidence !== undefined) await logStatements(db, account)
  })
  if (outcome === 'applied') await vault.confirm(settings.target, account)
  return outcome
}

/** An extension never shortens what stands, nor does what stands shorten it. */
async function untilOf(
  db: pg.Client,
  account: string,
  deadline: Instant,
  isShared: boolean,
): Promise<string> {
  const { rows } = await db.query<{ until: Date | null }>(
    `select case when isfinite(rolvaliduntil) then rolvaliduntil end as until
     from pg_roles where rolname = $1`,
    [account],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`there is no account ${account}`)
  const stands = isShared ? (row.until?.getTime() ?? 0) : 0
  return new Date(Math.max(stands, deadline)).toISOString()
}

/** A new password for an account that is checked out; same deadline. Throws when it may not log in any more. */
export async function recheckOut(
  { db }: Session,
  kept: Keeping,
  password: string,
): Promise<void> {
  const { account, settings, vault } = kept
  const { target } = settings
  await settled(kept)
  await vault.propose(target, account, password)
  await inTransaction(db, async () => {
    await db.query(
      `alter role ${quoted(account)} password ${literal(scramVerifier(password))}`,
    )
    if (!(await isCheckedOut(db, account)))
      throw new Error(`${account} is not checked out any more`)
  })
  await vault.confirm(target, account)
}

/** By its deadline: at rest it has none. */
export async function isCheckedOut(db: pg.Client, account: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_roles where rolname = $1 and rolcanlogin
     and isfinite(rolvaliduntil) and rolvaliduntil > clock_timestamp()`,
    [account],
  )
  return rowCount === 1
}

/** As of a grant's own login, but for memberships: those are the account's, whoever is in it. */
export async function probeAccount(
  connect: Connect,
  account: string,
): Promise<readonly ProbeResult[]> {
  const probes = await onSession(connect, (session) => probeCatalog(session, [account]))
  return (probes.get(account) ?? []).filter(({ probe }) => probe !== 'pg_auth_members')
}

/**
 * Another password that nobody is given. Whoever was inside is out; the one before is proven dead and this one good by real
 * logins, and only then is it the vault's. Called again after a crash it begins anew.
 */
export async function rotateAccount(
  session: Session,
  connect: Connect,
  kept: Keeping,
): Promise<readonly ProbeResult[]> {
  const { account, settings, vault } = kept
  const { target, evidence } = settings
  const loginWith = (secret: string) => loginConfig(settings, account, secret)
  const olds = await settled(kept)
  const fresh = newPassword()
  await endAccess(connect, account, 'shared')
  await vault.propose(target, account, fresh)
  await session.db.query(
    `alter role ${quoted(account)} login password ${literal(scramVerifier(fresh))} valid until 'infinity'`,
  )
  if (evidence !== undefined) await logNoMore(session.db, account)
  const now = Date.now() as Instant
  const dead = await Promise.all(olds.map((secret) => probeLogin(loginWith(secret), now)))
  const works = await probeLogin(loginWith(fresh), now)
  if (works === null || dead.some((probe) => probe === null))
    throw new Error(`${target} does not say whether ${account} can log in`)
  if (!works.absent) await vault.confirm(target, account)
  return [
    ...dead.map((probe) => ({
      probe: 'old_secret',
      absent: probe?.absent === true,
      at: now,
    })),
    { probe: 'new_secret_refused', absent: !works.absent, at: now },
  ]
}

/** Sessions of accounts that nobody has checked out: somebody has a secret that nobody was given. */
export async function sealedInUse(
  db: pg.Client,
  accounts: readonly string[],
): Promise<readonly Difference[]> {
  const { rows } = await db.query<{ account: string }>(
    'select distinct usename as account from pg_stat_activity where usename = any($1) order by 1',
    [accounts],
  )
  return rows.map(({ account }) => ({ what: 'sealed_account_used', object: account }))
}

/** The grants of `held` for which an account is checked out at the target now. */
export async function checkedOutFor(
  db: pg.Client,
  held: readonly Held[],
): Promise<readonly GrantId[]> {
  const grants: GrantId[] = []
  for (const { grant, privileges, phase } of held) {
    const account = accountNamed(privileges)
    if (account !== null && phase !== 'closing' && (await isCheckedOut(db, account)))
      grants.push(grant)
  }
  return grants
}
