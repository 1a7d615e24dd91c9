import type { Vault, VaultSecrets } from '../../packages/enforcer/src/store/port.ts'
import { firstSecret } from './account.ts'

/** The vault of one enforcer's host, on its disk. */
export type SimulatedVault = Vault &
  Readonly<{
    /** As it is on the disk now. */
    peek(target: string, account: string): VaultSecrets
  }>

/** Every account that it is asked of was sealed before. */
export function createVault(): SimulatedVault {
  const files = new Map<string, VaultSecrets>()
  const sealed: VaultSecrets = {
    current: firstSecret,
    proposed: null,
    earlier: [],
    unreadable: [],
  }
  const keyOf = (target: string, account: string) => `${target}/${account}`
  const peek = (target: string, account: string) =>
    files.get(keyOf(target, account)) ?? sealed
  return {
    peek,
    secrets: async (target, account) => peek(target, account),
    async propose(target, account, secret) {
      const { proposed, earlier, ...more } = peek(target, account)
      files.set(keyOf(target, account), {
        ...{ ...more, proposed: secret },
        earlier: proposed === null ? earlier : [...earlier, proposed],
      })
    },
    async confirm(target, account) {
      const { proposed } = peek(target, account)
      if (proposed === null) return
      files.set(keyOf(target, account), { ...sealed, current: proposed })
    },
    async withdraw(target, account) {
      const { earlier, ...more } = peek(target, account)
      files.set(keyOf(target, account), {
        ...{ ...more, proposed: earlier.at(-1) ?? null },
        earlier: earlier.slice(0, -1),
      })
    },
  }
}
