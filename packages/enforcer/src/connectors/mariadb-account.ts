import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import { type Session, tryLock } from './mariadb-session.ts'
import { clientConfig, type MariadbSettings } from './mariadb-settings.ts'
import type { Opening } from './port.ts'
import { TooLate } from './too-late.ts'

/** With the 26 digits of a grant it fits the 32 characters of MySQL, as well as the 80 of MariaDB. */
export const accountPrefix = 'hg_'

const connectionLimitByDefault = 5
const triesForLock = 20
const millisBetweenTries = 25

/** Made from the grant alone: applying again after a crash can never make a second identity (K-07). */
export const accountOf = (grant: GrantId): string =>
  accountPrefix + grant.slice('g-'.length)

/** Null for a name that no grant has, whatever it begins with. */
export function grantOf(account: string): GrantId | null {
  if (!account.startsWith(accountPrefix)) return null
  const parsed = parseGrantId(`g-${account.slice(accountPrefix.length)}`)
  return parsed.ok ? parsed.value : null
}

/** The roles that these privileges confer, each once; null when one of them is no role. `role:NAME` means: may do what NAME may. */
export function rolesNamed(privileges: readonly string[]): readonly string[] | null {
  const roles = privileges.map(
    (privilege) => /^role:([A-Za-z_][A-Za-z0-9_-]{0,62})$/.exec(privilege)?.[1],
  )
  if (roles.length === 0 || roles.includes(undefined)) return null
  return [...new Set(roles.filter((role) => role !== undefined))]
}

/** What `mysql_native_password` keeps, so that the password itself stands in no statement and no log. */
export function hashOf(password: string): string {
  const sha1 = (bytes: string | Buffer) => createHash('sha1').update(bytes).digest()
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`
}

export type Account = Readonly<{
  now_millis: number
  accounts: number
  unlocked: number
  roles: number
  until_millis: number | null
  sessions: number
  /** Null where there is no such account, or where it can be logged in to by more than one hash. */
  hash: string | null
}>

export async function readAccount(session: Session, account: string): Promise<Account> {
  const [row] = await session.call<Account>('read_account', account)
  if (row === undefined) throw new Error(`nothing is said of ${account}`)
  return row
}

/** The target's own clock, whole milliseconds. */
export async function targetNow(session: Session): Promise<Instant> {
  const [row] = await session.query<{ now: number }>(
    `select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) div 1000 as now`,
  )
  return Number(row?.now) as Instant
}

/** Throws {@link TooLate}. A clock that says nothing is past everything. */
export async function checkClock(
  session: Session,
  { applyBefore }: Opening,
): Promise<Instant> {
  const now = await targetNow(session)
  if (!(now < applyBefore)) throw new TooLate(now)
  return now
}

/** By this lock an ending finds a session that still applies the grant, and ends it first (INV-11). */
export async function whileApplying<T>(
  session: Session,
  account: string,
  work: () => Promise<T>,
): Promise<T> {
  const name = `halligan/${account}`
  // We hold the lock of the target, so that only a stranger can be in the way.
  for (let tries = 0; !(await tryLock(session, name)); tries += 1) {
    if (tries === triesForLock) throw new Error(`${account} is being applied already`)
    await session.call('free_lock', name)
    await pause(millisBetweenTries)
  }
  try {
    return await work()
  } finally {
    // A session that is gone holds nothing.
    await session.query('do release_lock(?)', name).catch(() => undefined)
  }
}

/**
 * Makes the account anew. MariaDB commits each statement by itself: it stays locked until all it shall have stands, and
 * unlocking is the last that is done, between two readings of the target's clock. Throws {@link TooLate}.
 */
export async function applyAccount(
  session: Session,
  settings: MariadbSettings,
  opening: Opening,
  roles: readonly string[],
  password: string,
): Promise<void> {
  const account = accountOf(opening.grant)
  await checkClock(session, opening)
  if (settings.unendable !== true) await checkEndable(session, roles)
  const limit = settings.connectionLimit ?? connectionLimitByDefault
  const onlyTls = clientConfig(settings).ssl !== undefined
  await session.call('make_account', account, hashOf(password), limit, onlyTls)
  for (const [i, role] of roles.entries())
    await session.call('confer', account, role, i === 0)
  await checkClock(session, opening)
  await session.call('unlock_account', account, opening.deadline)
  await checkClock(session, opening)
}

/** The second lock, for roles that became so after policy looked. */
async function checkEndable(session: Session, roles: readonly string[]): Promise<void> {
  const found = await unendableAmong(session, roles)
  if (found.length > 0) throw new Error(`cannot be ended again: ${found.join(', ')}`)
}

/**
 * Roles reached from these through which a grantee could stay after every ending: in another account, or in something that
 * runs by itself. Policy refuses those it can name.
 */
export async function unendableAmong(
  session: Session,
  roles: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = []
  for (const role of roles) {
    const rows = await session.call<{ role: string }>('read_unendable', role)
    found.push(...rows.map((row) => row.role))
  }
  return [...new Set(found)]
}

export const mayLogIn = ({ unlocked, until_millis, now_millis }: Account): boolean =>
  unlocked > 0 && until_millis !== null && until_millis > now_millis

/** A new password for an account that still may log in. Throws when it may not: an ending has begun. */
export async function resealAccount(
  session: Session,
  account: string,
  password: string,
): Promise<void> {
  await session.call('set_hash', account, hashOf(password))
  if (!mayLogIn(await readAccount(session, account)))
    throw new Error(`${account} may not log in any more`)
}

export type Listed = Readonly<{
  user: string
  host: string
  locked: string
  hash: string | null
  roles: number
}>

/** Of grants, shared, or only looking like one of a grant. */
export const listAccounts = (session: Session): Promise<readonly Listed[]> =>
  session.call<Listed>('read_accounts')

export const isLocked = ({ locked }: Listed): boolean => Number(locked) === 1
