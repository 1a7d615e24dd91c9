import type { Vault } from '../src/store/port.ts'

/** A vault that nothing outlives. */
export function memoryVault(): Vault {
  const current = new Map<string, string>()
  const proposals = new Map<string, readonly string[]>()
  const keyOf = (...parts: readonly string[]) => parts.join('\n')
  const proposedFor = (key: string) => proposals.get(key) ?? []
  return {
    async secrets(target, account) {
      const key = keyOf(target, account)
      return {
        current: current.get(key) ?? null,
        proposed: proposedFor(key).at(-1) ?? null,
        earlier: proposedFor(key).slice(0, -1),
        unreadable: [],
      }
    },
    async propose(target, account, secret) {
      const key = keyOf(target, account)
      proposals.set(key, [...proposedFor(key), secret])
    },
    async confirm(target, account) {
      const key = keyOf(target, account)
      const secret = proposedFor(key).at(-1)
      if (secret !== undefined) current.set(key, secret)
      proposals.delete(key)
    },
    async withdraw(target, account) {
      const key = keyOf(target, account)
      proposals.set(key, proposedFor(key).slice(0, -1))
    },
  }
}
