import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { hostClock } from '../src/node-ports.ts'
import { memoryVault } from './memory-vault.ts'

/** What a daemon lends a connector, in memory: nothing here outlives the test. `held` is the test's to say. */
export function memoryPorts(held: ConnectorPorts['held'] = () => []): ConnectorPorts {
  const notes = new Map<string, string>()
  const keyOf = (...parts: readonly string[]) => parts.join('\n')
  return {
    clock: hostClock(),
    held,
    shelf: {
      put: (grant, target, secret) => void notes.set(keyOf(grant, target), secret),
      get: (grant, target) => notes.get(keyOf(grant, target)) ?? null,
      drop: (grant, target) => void notes.delete(keyOf(grant, target)),
    },
    vault: memoryVault(),
  }
}
