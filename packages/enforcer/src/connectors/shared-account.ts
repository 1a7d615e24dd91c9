/**
 * Shared accounts, whatever the target: one person at a time has one, by `account:NAME`. Which grants have it, the books say.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { VaultSecrets } from '../store/port.ts'
import type { Difference, Held, Opening } from './port.ts'

const prefix = 'account:'

/** The account that these privileges check out, or null. */
export const accountNamed = (privileges: readonly string[]): string | null =>
  privileges.find((privilege) => privilege.startsWith(prefix))?.slice(prefix.length) ?? null

/** The grants that have the account, or have not given it back to the end. */
export const holding = (held: readonly Held[], account: string): readonly Held[] =>
  held.filter(({ privileges }) => accountNamed(privileges) === account)

/** Of `held`, everybody else who has the account. */
const othersHolding = (
  held: readonly Held[],
  grant: GrantId,
  account: string,
): readonly Held[] => holding(held, account).filter((other) => other.grant !== grant)

/** The account that `held` says the grant has, or null. */
export const accountOf = (held: readonly Held[], grant: GrantId): string | null =>
  accountNamed(held.find((one) => one.grant === grant)?.privileges ?? [])

/** Whether another grant still stands on the account: then ending this one takes nothing away. */
export const standsOtherwise = (
  held: readonly Held[],
  grant: GrantId,
  account: string,
): boolean => othersHolding(held, grant, account).some(({ phase }) => phase === 'standing')

/**
 * Why an opening that names an account cannot be; null when it can, or names none. The same person may have it again before the
 * first time is over, so that an extension has no gap; then the two are counted.
 */
export function whyNotCheckedOut(
  { grant, requester, privileges }: Opening,
  accounts: readonly string[],
  held: readonly Held[],
): 'mixed_privileges' | 'unknown_privilege' | 'account_in_use' | null {
  const account = accountNamed(privileges)
  if (account === null) return null
  if (privileges.length > 1) return 'mixed_privileges'
  if (!accounts.includes(account)) return 'unknown_privilege'
  const isTaken = othersHolding(held, grant, account).some(
    (other) => other.requester !== requester || other.phase !== 'standing',
  )
  return isTaken ? 'account_in_use' : null
}

/**
 * Throws when the account of an accepted opening is not to be had. That an earlier grant of the same person has begun to end is
 * no reason: this one stands in the books by now, and the ending leaves it the account.
 */
export function mustBeFree(
  opening: Opening,
  accounts: readonly string[],
  held: readonly Held[],
): void {
  const others = held.filter(({ requester }) => requester !== opening.requester)
  const refused = whyNotCheckedOut(opening, accounts, others)
  if (refused !== null) throw new Error(`${opening.privileges.join(', ')}: ${refused}`)
}

/** Throws when the grant is to end or has ended: it gets no other secret, and whoever has the account keeps theirs. */
export function mustStand(held: readonly Held[], grant: GrantId): void {
  if (held.find((one) => one.grant === grant)?.phase !== 'standing')
    throw new Error(`${grant} does not stand any more`)
}

/** The grants by which somebody may be in the account rightly: all that are not proven absent. */
export const holdersOf = (held: readonly Held[], account: string): readonly Held[] =>
  holding(held, account).filter(({ phase }) => phase !== 'closing')

/** Throws while somebody may be in the account: a new secret would take it away under them, or from their ending. */
export function mustRest(held: readonly Held[], account: string): void {
  const [holder] = holdersOf(held, account)
  if (holder !== undefined) throw new Error(`${account} is checked out by ${holder.grant}`)
}

/**
 * The grants that an account is open for, if it is open: those that stand; and what is to end and has not ended yet, but where
 * another stands, because then that one is why.
 */
export const openFor = (held: readonly Held[], account: string): readonly GrantId[] =>
  holdersOf(held, account)
    .filter(
      ({ grant, phase }) => phase === 'standing' || !standsOtherwise(held, grant, account),
    )
    .map(({ grant }) => grant)

/** Where the books alone say what the grant has of the account: another stands on it, or it was proven absent before. */
export const heldByBooks = (
  held: readonly Held[],
  grant: GrantId,
  at: Instant,
): readonly ProbeResult[] => {
  const phase = held.find((one) => one.grant === grant)?.phase
  return [{ probe: 'held_by_this_grant', absent: phase !== 'standing', at }]
}

/** An account as it was seen at the target. */
export type Seen = Readonly<{
  /** It opens to what is not in the vault. */
  isChanged: boolean
  /** It opens to nothing. */
  isShut: boolean
  /** Whence somebody is inside. */
  from: readonly string[]
}>

/** What there is of an account that no grant explains. Before the vault has a secret for it, nobody has sealed it. */
export function unexplained(
  account: string,
  held: readonly Held[],
  secrets: VaultSecrets,
  { isChanged, isShut, from }: Seen,
): readonly Difference[] {
  const isKnown = secrets.unreadable.length === 0
  const isSealed = !isKnown || secrets.current !== null || secrets.proposed !== null
  const isAway = holding(held, account).length > 0
  const isExplained = holdersOf(held, account).length > 0
  const told = (what: string, object = account) => ({ what, object })
  return [
    ...unreadable(account, secrets),
    ...(isSealed && isKnown && isChanged ? [told('shared_account_changed')] : []),
    ...(isSealed && isShut && !isAway ? [told('sealed_account_locked')] : []),
    ...(isExplained ? [] : [...new Set(from)]).map((place) =>
      told('sealed_account_used', `${account} from ${place}`),
    ),
  ]
}

/** What the vault cannot read of an account: better told before somebody needs it. */
export const unreadable = (account: string, secrets: VaultSecrets): readonly Difference[] =>
  secrets.unreadable.map((words) => ({
    what: 'vault_unreadable',
    object: `${account}: ${words}`,
  }))
