/**
 * A connector for targets where access is an account: one of the grant's own, or a shared one that it checks out. All that the
 * two have in common, whatever the target.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import type { Access } from './access.ts'
import type { AccountNotes } from './account-note.ts'
import type { SharedAccounts } from './check-out.ts'
import { admitting } from './notes.ts'
import type {
  Connector,
  Credential,
  Difference,
  Excess,
  Held,
  SessionEvidence,
  Snapshot,
} from './port.ts'
import { accountNamed, whyNotCheckedOut } from './shared-account.ts'
import { differenceOf } from './snapshot-rows.ts'
import { TooLate } from './too-late.ts'

/** One kind of target with accounts. */
export type AccountTarget = Readonly<{
  settings: Readonly<{ target: string; accounts?: readonly string[] }>
  endsAtOnce: number
  lock: Readonly<{ take(): Promise<void>; release(): Promise<void> }>
  held(): readonly Held[]
  notes: AccountNotes
  own: Access
  shared: SharedAccounts
  /** Why privileges that name no account mean nothing here, or null. */
  whyUnknown(privileges: readonly string[]): 'unknown_privilege' | null
  credentialOf(user: string, password: string): Credential
  /** Grants that are in by an account of their own, and those of `accounts` that are open. */
  open(
    accounts: readonly string[],
  ): Promise<Readonly<{ own: readonly GrantId[]; accounts: readonly string[] }>>
  snapshot(): Promise<Snapshot>
  evidence(user: string, grant: GrantId): Promise<SessionEvidence | null>
  excess(): Promise<readonly Excess[]>
  /** As `Connector.lacks`. */
  lacks?(privileges: readonly string[]): Promise<readonly string[]>
  strangers(): Promise<readonly Difference[]>
}>

export function accountConnector(at: AccountTarget): Connector {
  const { settings, lock, own, shared, notes } = at
  const { target, accounts = [] } = settings
  const here = (asked: string) => {
    if (asked !== target) throw new Error(`${asked} is not ${target}`)
  }
  const by = (account: string | null): Access =>
    account === null ? own : shared.at(account)
  const accessOf = (grant: GrantId, asked: string): Access => {
    here(asked)
    return by(shared.of(grant))
  }
  return {
    endsAtOnce: at.endsAtOnce,
    open: () => lock.take(),
    close: () => lock.release(),
    difference: (before, after) => differenceOf(before, after),
    refuses: (opening) =>
      accountNamed(opening.privileges) === null
        ? at.whyUnknown(opening.privileges)
        : whyNotCheckedOut(opening, accounts, at.held()),
    sharedAccount: accountNamed,
    accounts: () => accounts,
    async apply(opening) {
      here(opening.target)
      notes.mustBeReadable(opening.grant)
      const access = by(accountNamed(opening.privileges))
      try {
        const password = await access.open(opening)
        const credential = at.credentialOf(access.user(opening.grant), password)
        return { kind: 'applied', credential }
      } catch (error) {
        if (error instanceof TooLate)
          return { kind: 'too_late', targetNow: error.targetNow }
        throw error
      }
    },
    async reseal(grant, asked) {
      notes.mustBeReadable(grant)
      const access = accessOf(grant, asked)
      return at.credentialOf(access.user(grant), await access.reseal(grant))
    },
    probePresent: async (grant, asked) => accessOf(grant, asked).isOpen(grant),
    end: async (grant, asked) => accessOf(grant, asked).end(grant),
    probeAbsent: async (grant, asked) =>
      admitting(notes, grant, await accessOf(grant, asked).probe(grant)),
    async cleanup(grant, asked) {
      await accessOf(grant, asked).cleanUp(grant)
      notes.drop(grant)
    },
    async standing(asked) {
      here(asked)
      const open = await at.open(accounts)
      return [...new Set([...open.own, ...shared.openFor(open.accounts)])]
    },
    async unreadable(asked) {
      here(asked)
      return notes.unreadable(at.held())
    },
    rotate: shared.rotate,
    async snapshot(asked) {
      here(asked)
      return at.snapshot()
    },
    evidence: async (grant, asked) =>
      at.evidence(accessOf(grant, asked).user(grant), grant),
    async excess(asked) {
      here(asked)
      return at.excess()
    },
    async lacks(asked, privileges) {
      here(asked)
      return (await at.lacks?.(privileges)) ?? []
    },
    async strangers(asked) {
      here(asked)
      return at.strangers()
    },
  }
}
