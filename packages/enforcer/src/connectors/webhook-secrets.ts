import type { GrantId } from '@halligan/core'
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
import type { WebhookSettings } from './webhook-call.ts'

/** A call of the receiver that takes a secret. */
type Call<T> = (secret: string) => Promise<T>

/** For each call the secret that it takes. That of an account is in the vault before the receiver hears of it. */
export type Secrets = Readonly<{
  apply<T>(opening: Opening, call: Call<T>, isTaken: (answer: T) => boolean): Promise<T>
  reseal<T>(grant: GrantId, call: Call<T>): Promise<T>
  rotate<T>(account: string, call: Call<T>, isTaken: (answer: T) => boolean): Promise<T>
}>

/** Calls about one account go one after the other. Who has one, the receiver counts as well: it hears of each grant. */
export function secretsOf(
  { target, accounts = [] }: WebhookSettings,
  { held, vault }: Pick<ConnectorPorts, 'held' | 'vault'>,
): Secrets {
  const inTurn = oneAtATimePer<string>()
  /** Beside an overlapping grant the one that is out already, so that neither loses access for a moment. */
  const chosenFor = async ({ grant }: Opening, account: string): Promise<string> => {
    const isOut = standsOtherwise(held(target), grant, account)
    const { current } = await vault.secrets(target, account)
    return isOut && current !== null ? current : newPassword()
  }
  const proposing = async <T>(
    account: string,
    secret: string,
    call: Call<T>,
    isTaken: (answer: T) => boolean,
  ): Promise<T> => {
    await vault.propose(target, account, secret)
    const answer = await call(secret)
    if (isTaken(answer)) await vault.confirm(target, account)
    return answer
  }
  return {
    async apply(opening, call, isTaken) {
      const account = accountNamed(opening.privileges)
      if (account === null) return call(newPassword())
      return inTurn(account, async () => {
        mustBeFree(opening, accounts, held(target))
        return proposing(account, await chosenFor(opening, account), call, isTaken)
      })
    },
    async reseal(grant, call) {
      const account = accountOf(held(target, grant), grant)
      if (account === null) return call(newPassword())
      return inTurn(account, async () => {
        mustStand(held(target, grant), grant)
        return proposing(account, newPassword(), call, () => true)
      })
    },
    rotate: (account, call, isTaken) =>
      inTurn(account, async () => {
        mustRest(held(target), account)
        return proposing(account, newPassword(), call, isTaken)
      }),
  }
}
