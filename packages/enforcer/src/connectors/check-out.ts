/**
 * Shared accounts of one target: who has one is counted here, whatever the kind of target; what is done about it there are
 * the target's own steps.
 *
 * At rest an account is open to the secret in the vault alone, which nobody has: a sealed emergency account. Every secret is in
 * the vault before it is at the target, so that whoever opens the vault offline, at any moment, finds the one that works.
 *
 * @module
 */
import type { GrantId, ProbeResult } from '@halligan/core'
import type { Clock } from '../ports.ts'
import type { Access } from './access.ts'
import type { AccountNotes } from './account-note.ts'
import { newPassword } from './new-password.ts'
import type { Held, Opening } from './port.ts'
import { oneAtATimePer } from './rounds.ts'
import {
  accountOf,
  heldByBooks,
  holding,
  mustBeFree,
  mustRest,
  mustStand,
  openFor,
  standsOtherwise,
} from './shared-account.ts'
import { TooLate } from './too-late.ts'

/** Given the secret that works now, if one is known: answers the one to set, which is written down by then. */
export type HandOut = (current: string | null) => string

/** What a target does about one of its accounts. Nothing here knows of other grants. */
export type AccountSteps = Readonly<{
  /** Opens the account to one secret, until the deadline where the target keeps one. Answers that secret. Throws `TooLate`. */
  open(opening: Opening, handOut: HandOut): Promise<string>
  /** Another secret for an account that is open. Throws when it is not. */
  reseal(handOut: HandOut): Promise<string>
  isOpen(): Promise<boolean>
  /** Locks out and ends sessions. What else the account is stays its owner's. */
  shut(): Promise<void>
  /** Whether it is shut and nobody inside, and that this secret opens nothing. */
  probe(secret: string | null): Promise<readonly ProbeResult[]>
  /**
   * Another secret that nobody is given; whoever was inside is out. Proven as `Connector.rotate` says, for what was `exposed` as well:
   * handed out since the account last rested.
   */
  rotate(exposed: readonly string[]): Promise<readonly ProbeResult[]>
  /** Drops what the target was told of the grant. */
  forget(grant: GrantId): Promise<void>
}>

export type SharedAccounts = Readonly<{
  at(account: string): Access
  rotate(account: string): Promise<readonly ProbeResult[]>
  /** The account that the grant has, by its note, or by its order where a crash came before that; or null. */
  of(grant: GrantId): string | null
  /** The grants for which these accounts are open, if they are. */
  openFor(accounts: readonly string[]): readonly GrantId[]
  /** `work` while nothing of the above is done about the account. */
  quietly: ReturnType<typeof oneAtATimePer<string>>
}>

export type Counting = Readonly<{
  accounts: readonly string[]
  held(grant?: GrantId): readonly Held[]
  notes: AccountNotes
  clock: Clock
  /** Of chance alone, where nothing else is said. */
  freshPassword?(): string
}>

export function sharedAccounts(
  counting: Counting,
  stepsAt: (account: string) => AccountSteps,
): SharedAccounts {
  const { accounts, held, notes } = counting
  const quietly = oneAtATimePer<string>()
  return {
    quietly,
    at: (account) => accessTo(counting, account, stepsAt(account), quietly),
    rotate: async (account) => {
      if (!accounts.includes(account))
        throw new Error(`${account} is no shared account here`)
      return quietly(account, async () => {
        mustRest(held(), account)
        return stepsAt(account).rotate(exposedIn(counting, account))
      })
    },
    of: (grant) => notes.of(grant)?.shared ?? accountOf(held(grant), grant),
    openFor: (open) => {
      const all = held()
      return open.flatMap((account) =>
        openFor(all, account).filter(isNotedIn(notes, account)),
      )
    },
  }
}

const exposedIn = ({ held, notes }: Counting, account: string): readonly string[] =>
  holding(held(), account).flatMap(({ grant }) => notes.of(grant)?.password ?? [])

/** That it checked the account out. What was noted and cannot be read counts as that (INV-10). */
const isNotedIn = (notes: AccountNotes, account: string) => (grant: GrantId) =>
  notes.isUnreadable(grant) || notes.of(grant)?.shared === account

function accessTo(
  { accounts, held, notes, clock, freshPassword = newPassword }: Counting,
  account: string,
  steps: AccountSteps,
  quietly: SharedAccounts['quietly'],
): Access {
  const isNoted = isNotedIn(notes, account)
  const isFor = (grant: GrantId) =>
    isNoted(grant) && openFor(held(), account).includes(grant)
  const isOver = (grant: GrantId) =>
    held(grant).some((one) => one.grant === grant && one.phase === 'closing')
  const isShared = (grant: GrantId) => standsOtherwise(held(), grant, account)
  const shutUnlessShared = async (grant: GrantId) => {
    if (!isShared(grant)) await steps.shut()
  }
  /** Fresh, but beside an overlapping grant the one that is out already: neither loses access for a moment. */
  const handingOut = (grant: GrantId, isOut: boolean): HandOut => {
    return (current) => {
      const password = isOut && current !== null ? current : freshPassword()
      notes.put(grant, { shared: account, password, rights: null })
      return password
    }
  }
  const open = async (opening: Opening): Promise<string> => {
    const { grant } = opening
    mustBeFree(opening, accounts, held())
    const others = openFor(held(), account).filter((other) => other !== grant)
    try {
      return await steps.open(opening, handingOut(grant, others.some(isNoted)))
    } catch (error) {
      if (error instanceof TooLate && isNoted(grant)) await shutUnlessShared(grant)
      throw error
    }
  }
  return {
    user: () => account,
    open: (opening) => quietly(account, () => open(opening)),
    reseal: (grant) =>
      quietly(account, async () => {
        mustStand(held(grant), grant)
        if (!isNoted(grant)) throw new Error(`${grant} has not checked ${account} out`)
        return steps.reseal(handingOut(grant, false))
      }),
    isOpen: async (grant) => isFor(grant) && steps.isOpen(),
    // What was proven absent is sealed again, or another grant's: ending once more must not shut it.
    end: (grant) =>
      quietly(account, async () => {
        if (!isOver(grant)) await shutUnlessShared(grant)
      }),
    probe: (grant) =>
      quietly(account, async () =>
        isOver(grant) || isShared(grant)
          ? heldByBooks(held(grant), grant, clock.read().wall)
          : steps.probe(notes.of(grant)?.password ?? null),
      ),
    cleanUp: (grant) => steps.forget(grant),
  }
}
