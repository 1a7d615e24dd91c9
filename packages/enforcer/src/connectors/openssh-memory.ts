import type { GrantId, Instant } from '@halligan/core'
import type { SecretShelf } from '../store/port.ts'

/** What the enforcer keeps of a grant's certificates until all of them are proven useless. */
export type Memory = Readonly<{
  privileges: readonly string[]
  deadline: Instant
  /** Every certificate ever signed for the grant, delivered or not. */
  certificates: readonly Readonly<{ serial: string; certificate: string }>[]
  /** Of the last certificate, only to show that it opens nothing any more. */
  privateKey: string
  /** Hosts that may have been told to let one in. */
  asked: readonly string[]
}>

export function remembered(
  shelf: SecretShelf,
  grant: GrantId,
  target: string,
): Memory | null {
  const text = shelf.get(grant, target)
  return text === null ? null : (JSON.parse(text) as Memory)
}

/** On disk when it returns. */
export const remember = (
  shelf: SecretShelf,
  grant: GrantId,
  target: string,
  memory: Memory,
): void => shelf.put(grant, target, JSON.stringify(memory))
