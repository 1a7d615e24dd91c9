import type { GrantId } from '@halligan/core'
import type { Vault } from '../store/port.ts'
import { readableSecrets } from './account-secret.ts'
import { newPassword } from './new-password.ts'
import type { Opening } from './port.ts'
import type { ConnectorPorts } from './registry.ts'
import { oneAtATimePer } from './rounds.ts'
import {
  accountNamed,
  accountOf,
  mustBeFree,
  mustRest,
  mustStand,
  standsOtherwise,
} from './shared-account.ts'
import { ReceiverRefused, type WebhookSettings } from './webhook-call.ts'

/** A call of the receiver that takes a secret. */
type Call<T> = (secret: string) => Promise<T>

/** Of an answer to `rotate`: whether it shows the rotation, and whether it says that the secret it was asked with opens the account. */
type Judge<T> = Readonly<{ isProven(answer: T): boolean; isOpen(answer: T): boolean }>

/** For each call the secret that it takes. That of an account is in the vault before the receiver hears of it. */
export type Secrets = Readonly<{
  apply<T>(opening: Opening, call: Call<T>, isTaken: (answer: T) => boolean): Promise<T>
  reseal<T>(grant: GrantId, call: Call<T>): Promise<T>
  rotate<T>(account: string, call: Call<T>, judge: Judge<T>): Promise<T>
}>

/** A way to ask the receiver about one account. `isTaken`: the answer says that the account now opens to the secret. */
type Asking = <T>(
  account: string,
  call: Call<T>,
  isTaken: (answer: T) => boolean,
) => Promise<T>

/**
 * Calls about one account go one after the other. Who has one, the receiver counts as well: it hears of each grant.
 *
 * A secret whose answer was lost may be the account's by now, and cannot be tried from here. It was given to nobody: what an
 * answer brings is handed on once it is confirmed. So it is the next one, until an answer confirms it: whatever arrives of it,
 * late or twice, the vault has it. Where the receiver will not have it, as one that it had before, it stays in the vault, and another
 * is tried.
 */
export function secretsOf(
  settings: WebhookSettings,
  { held, vault }: Pick<ConnectorPorts, 'held' | 'vault'>,
): Secrets {
  const { target, accounts = [] } = settings
  const inTurn = oneAtATimePer<string>()
  const { unconfirmed, asked, askedFresh } = askingWith(vault, target)
  const askedNext: Asking = async (account, call, isTaken) => {
    const left = await unconfirmed(account)
    const answer =
      left === null ? null : await asked(account, left, call, isTaken).catch(unlessRefused)
    return answer ?? askedFresh(account, call, isTaken)
  }
  /** Beside an overlapping grant it is the one that is out already, so that neither loses access for a moment. */
  const outBeside = async ({ grant }: Opening, account: string): Promise<string | null> =>
    standsOtherwise(held(target), grant, account)
      ? (await vault.secrets(target, account)).current
      : null
  /** The answer to asking again with what was left, where it is the end of this try. Null: that is out of the way. */
  const settling = async <T>(
    account: string,
    left: string,
    call: Call<T>,
    { isProven, isOpen }: Judge<T>,
  ): Promise<T | null> => {
    const isTaken = (answer: T) => isProven(answer) || isOpen(answer)
    const answer = await asked(account, left, call, isTaken).catch(unlessRefused)
    return answer !== null && (isProven(answer) || !isOpen(answer)) ? answer : null
  }
  return {
    async apply(opening, call, isTaken) {
      const account = accountNamed(opening.privileges)
      if (account === null) return call(newPassword())
      return inTurn(account, async () => {
        mustBeFree(opening, accounts, held(target))
        const out = await outBeside(opening, account)
        if (out !== null) return call(out)
        return askedNext(account, call, isTaken)
      })
    },
    async reseal(grant, call) {
      const account = accountOf(held(target, grant), grant)
      if (account === null) return call(newPassword())
      return inTurn(account, async () => {
        mustStand(held(target, grant), grant)
        return askedNext(account, call, () => true)
      })
    },
    rotate: (account, call, judge) =>
      inTurn(account, async () => {
        mustRest(held(target), account)
        await readableSecrets({ vault, settings, account })
        const left = await unconfirmed(account)
        const settled = left === null ? null : await settling(account, left, call, judge)
        return settled ?? askedFresh(account, call, judge.isProven)
      }),
  }
}

function askingWith(vault: Vault, target: string) {
  const asked = async <T>(
    account: string,
    secret: string,
    call: Call<T>,
    isTaken: (answer: T) => boolean,
  ): Promise<T> => {
    const answer = await call(secret)
    if (isTaken(answer)) await vault.confirm(target, account)
    return answer
  }
  return {
    asked,
    /** The last secret that no answer confirmed, or null. */
    async unconfirmed(account: string): Promise<string | null> {
      const { current, proposed } = await vault.secrets(target, account)
      return proposed === current ? null : proposed
    },
    /** With one that it never heard of: where the receiver will not have that, it has not taken it, and it is given up again. */
    askedFresh: (async (account, call, isTaken) => {
      const secret = newPassword()
      await vault.propose(target, account, secret)
      try {
        return await asked(account, secret, call, isTaken)
      } catch (error) {
        if (error instanceof ReceiverRefused) await vault.withdraw(target, account)
        throw error
      }
    }) satisfies Asking,
  }
}

function unlessRefused(error: unknown): null {
  if (error instanceof ReceiverRefused) return null
  throw error
}
