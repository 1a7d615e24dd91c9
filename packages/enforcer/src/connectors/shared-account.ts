/**
 * Shared accounts, whatever the target: one person at a time has one, by `account:NAME`. Which grants have it, the books say.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Held, Opening } from './port.ts'

const prefix = 'account:'

/** The account that these privileges check out, or null. */
export const accountNamed = (privileges: readonly string[]): string | null =>
  privileges.find((privilege) => privilege.startsWith(prefix))?.slice(prefix.length) ?? null

/** Of `held`, everybody else who has the account. */
const othersHolding = (
  held: readonly Held[],
  grant: GrantId,
  account: string,
): readonly Held[] =>
  held.filter(
    (other) => other.grant !== grant && accountNamed(other.privileges) === account,
  )

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

/** Accounts that no unfinished grant has. */
export const restingAccounts = (
  accounts: readonly string[],
  held: readonly Held[],
): readonly string[] => {
  const taken = held.map(({ privileges }) => accountNamed(privileges))
  return accounts.filter((account) => !taken.includes(account))
}

/** While the same person has the account by another grant, this grant alone is over. */
export const heldByAnother = (at: Instant): readonly ProbeResult[] => [
  { probe: 'held_by_this_grant_alone', absent: true, at },
]
