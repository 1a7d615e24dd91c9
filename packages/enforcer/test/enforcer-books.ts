import type { GrantId } from '@halligan/core'
import type { Held } from '../src/connectors/port.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { hostClock } from '../src/node-ports.ts'
import type { SecretShelf } from '../src/store/port.ts'

/** What an enforcer lends a connector and keeps over its own restarts. */
export type Lent = Pick<ConnectorPorts, 'clock' | 'shelf' | 'held'>

/** As the enforcer keeps them: a grant stands here before its `apply` and until after its `cleanup`. */
export type EnforcerBooks = Lent &
  Readonly<{
    keep(held: Held): void
    become(grant: GrantId, phase: Held['phase']): void
    forget(grant: GrantId): void
  }>

/** What an enforcer may find on its shelf and cannot read. */
export const damagedNotes = [
  ['is cut off', '{"password":"'],
  ['is of another version', '{"v":0}'],
] as const

/** Books of one target, in memory. */
export function enforcerBooks(): EnforcerBooks {
  const known = new Map<GrantId, Held>()
  return {
    clock: hostClock(),
    shelf: memoryShelf(),
    held: () => [...known.values()],
    keep: ({ grant, requester, privileges, phase }) =>
      void known.set(grant, { grant, requester, privileges, phase }),
    become: (grant, phase) => {
      const held = known.get(grant)
      if (held !== undefined) known.set(grant, { ...held, phase })
    },
    forget: (grant) => void known.delete(grant),
  }
}

const memoryShelf = (): SecretShelf => {
  const secrets = new Map<GrantId, string>()
  return {
    put: (grant, _, secret) => void secrets.set(grant, secret),
    get: (grant) => secrets.get(grant) ?? null,
    drop: (grant) => void secrets.delete(grant),
  }
}
