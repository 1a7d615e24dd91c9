/**
 * Shared accounts of the fake target: there before any grant and after it, checked out by giving away a new secret.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Applied, Credential, Held, Opening } from './port.ts'
import type { ConnectorPorts } from './registry.ts'
import {
  accountNamed,
  accountOf,
  standsOtherwise,
  whyNotCheckedOut,
} from './shared-account.ts'

export type FakeAccount = {
  readonly name: string
  secret: string
  canLogin: boolean
  /** Infinite at rest. */
  validUntil: number
  /** Grants whose requester was given the secret that works now. */
  readonly knownTo: Set<GrantId>
  readonly sessions: Set<symbol>
}

export const restingAccount = (name: string): FakeAccount => ({
  name,
  secret: 'never rotated',
  canLogin: true,
  validUntil: Number.POSITIVE_INFINITY,
  knownTo: new Set(),
  sessions: new Set(),
})

/** The part of the target that this needs. */
type AccountTarget = {
  readonly accounts: Map<string, FakeAccount>
  now(): Instant
  liesAboutEnding: boolean
  refusesRotation: boolean
  serial: number
}

export function fakeAccounts(
  target: AccountTarget,
  name: string,
  { vault, held }: Pick<ConnectorPorts, 'vault' | 'held'>,
) {
  const known = (account: string): FakeAccount => {
    const found = target.accounts.get(account)
    if (found === undefined) throw new Error(`no account ${account}`)
    return found
  }
  const of = (grant: GrantId): FakeAccount | null => {
    const account = accountOf(held(name, grant), grant)
    return account === null ? null : known(account)
  }
  const isCounted = (grant: GrantId, account: FakeAccount): boolean =>
    standsOtherwise(held(name), grant, account.name)
  /** In the vault before it is at the target. */
  const give = async (account: FakeAccount): Promise<string> => {
    const secret = `secret-${++target.serial}`
    await vault.propose(name, account.name, secret)
    account.secret = secret
    account.knownTo.clear()
    await vault.confirm(name, account.name)
    return secret
  }
  return {
    of,
    refuses: (opening: Opening): string | null =>
      whyNotCheckedOut(opening, [...target.accounts.keys()], held(name)),
    async checkOut(opening: Opening): Promise<Applied> {
      const account = known(accountNamed(opening.privileges) ?? '')
      if (target.now() >= opening.applyBefore) {
        account.canLogin = false
        account.sessions.clear()
        return { kind: 'too_late', targetNow: target.now() }
      }
      const password = await give(account)
      account.knownTo.add(opening.grant)
      account.canLogin = true
      account.validUntil = opening.deadline
      return { kind: 'applied', credential: { user: account.name, password } }
    },
    async reseal(grant: GrantId, account: FakeAccount): Promise<Credential> {
      if (!account.canLogin) throw new Error('not checked out any more')
      const password = await give(account)
      account.knownTo.add(grant)
      return { user: account.name, password }
    },
    end(grant: GrantId, account: FakeAccount): void {
      if (target.liesAboutEnding || isCounted(grant, account)) return
      account.canLogin = false
      account.sessions.clear()
    },
    probes(grant: GrantId, account: FakeAccount): readonly ProbeResult[] {
      const at = target.now()
      if (isCounted(grant, account))
        return [{ probe: 'held_by_this_grant', absent: true, at }]
      return [
        { probe: 'login', absent: !account.canLogin, at },
        { probe: 'sessions', absent: account.sessions.size === 0, at },
      ]
    },
    async rotate(rotated: string): Promise<readonly ProbeResult[]> {
      const account = known(rotated)
      const at = target.now()
      if (target.refusesRotation) return [{ probe: 'old_secret', absent: false, at }]
      await give(account)
      account.canLogin = true
      account.validUntil = Number.POSITIVE_INFINITY
      return [
        { probe: 'old_secret', absent: true, at },
        { probe: 'new_secret_refused', absent: true, at },
      ]
    },
    usedWithoutGrant: () => usedWithoutGrant(target, held(name)),
  }
}

/** Sessions of an account that nobody has checked out. */
const usedWithoutGrant = (target: AccountTarget, held: readonly Held[]) =>
  [...target.accounts.values()]
    .filter(
      (account) =>
        account.sessions.size > 0 &&
        !held.some(({ privileges }) => accountNamed(privileges) === account.name),
    )
    .map((account) => ({ what: 'sealed_account_used', object: account.name }))
