/**
 * What the simulated connector does about a shared account, call by call, as those of real databases do; all that they share
 * is the product's own: who may have it, its secret in the vault, and what proves a rotation.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import { askTarget } from '../../packages/enforcer/src/ask-target.ts'
import {
  giveSecret,
  readableSecrets,
  rotationReadings,
  settleSecret,
} from '../../packages/enforcer/src/connectors/account-secret.ts'
import type {
  AccountSteps,
  HandOut,
} from '../../packages/enforcer/src/connectors/check-out.ts'
import { withLogin } from '../../packages/enforcer/src/connectors/login-reading.ts'
import type { Opening } from '../../packages/enforcer/src/connectors/port.ts'
import type { Scheduler } from '../../packages/enforcer/src/ports.ts'
import type { Vault } from '../../packages/enforcer/src/store/port.ts'
import { type AccountAtTarget, accountAtTarget, type Gate } from './account.ts'
import type { Target } from './target.ts'
import type { Wire } from './wire.ts'

export type Desk = Readonly<{
  target: Target
  /** At the target itself. Throws when another enforcer has it. */
  takeLock: () => Promise<void>
  wire: Wire
  vault: Vault
  scheduler: Scheduler
  freshPassword(): string
}>

/** A call that takes longer is given up, and may be carried out all the same. */
const millisToAnswer = 8000

/** Longest time for a change that no order bounds. */
const millisToChange = 30_000

type Ask = <T>(
  what: string,
  run: (account: AccountAtTarget) => T | Promise<T>,
) => Promise<T>

/** What the calls to one account go through. Throws whatever the target throws, and when it does not answer in time. */
export function askAccount(
  { target, takeLock, wire, scheduler }: Omit<Desk, 'vault' | 'freshPassword'>,
  name: string,
): Ask {
  const known = target.accounts.get(name)
  if (known === undefined) throw new Error(`${target.name} has no account ${name}`)
  const there = accountAtTarget(target, known, takeLock)
  return async (what, run) => {
    const call = () => wire.ask(`${what} ${name}`, () => run(there))
    const told = await askTarget({ scheduler }, call, millisToAnswer)
    if (!told.ok) throw told.error.error
    return told.value
  }
}

export const accountSteps =
  (desk: Desk) =>
  (account: string): AccountSteps => {
    const ask = askAccount(desk, account)
    const { target, vault, freshPassword } = desk
    const kept = { vault, settings: { target: target.name }, account }
    /** Throws unless the target then has it. */
    const setting = (gate: Gate) => async (secret: string) => {
      await ask('set', (there) => there.set(gate, secret))
      if (!(await ask('has', (there) => there.has(secret))))
        throw new Error(`${account} did not take its new secret`)
    }
    const gateFor = async () => {
      const { at } = await look()
      return ask('gate', (there) => there.gate((at + millisToChange) as Instant))
    }
    const look = () => ask('look', (there) => there.look())
    const opensTo = (secret: string) => ask('login', (there) => there.opensTo(secret))
    return {
      async open({ grant, applyBefore }: Opening, handOut: HandOut) {
        const gate = await ask('gate', (there) => there.gate(applyBefore))
        const set = setting(gate)
        const current = await settleSecret(kept, set)
        const secret = handOut(current)
        if (secret !== current) await giveSecret(kept, secret, set)
        await ask('open', (there) => there.open(gate, grant))
        return secret
      },
      async reseal(handOut) {
        const gate = await gateFor()
        if (!(await look()).isOpen) throw new Error(`${account} is shut`)
        const set = setting(gate)
        await settleSecret(kept, set)
        const secret = handOut(null)
        await giveSecret(kept, secret, set)
        return secret
      },
      isOpen: async () => (await look()).isOpen,
      shut: () => ask('shut', (there) => there.shut()),
      async probe(secret): Promise<readonly ProbeResult[]> {
        const { isOpen, sessions, at } = await look()
        const readings = [
          { probe: 'login', absent: !isOpen, at },
          { probe: 'sessions', absent: sessions === 0, at },
        ]
        return withLogin(readings, secret, async (password) => ({
          ...{ probe: 'old_login', absent: !(await opensTo(password)), at },
        }))
      },
      async rotate(exposed) {
        const gate = await gateFor()
        const set = setting(gate)
        await readableSecrets(kept, exposed)
        const old = await settleSecret(kept, set)
        const fresh = freshPassword()
        await giveSecret(kept, fresh, set)
        await ask('end sessions', (there) => there.endSessions())
        if ((await look()).sessions > 0) throw new Error(`${account} is still in use`)
        await ask('open', (there) => there.open(gate, null))
        const { at } = await look()
        return rotationReadings({ olds: [old, ...exposed], fresh }, opensTo, at)
      },
      forget: async (_: GrantId) => {},
    }
  }
