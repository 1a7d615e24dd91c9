import type { PrincipalId } from './id.ts'
import type { KeyId } from './json.ts'
import type { Instant } from './time.ts'

export type PrincipalKind = 'human' | 'service_account' | 'api_key' | 'agent'

export type PrincipalKey = Readonly<{
  keyId: KeyId
  alg: 'ed25519'
  /** base64url of the 32 raw bytes */
  pub: string
  /** A new approver's key waits out a cool-down before its approvals count. */
  approvesFrom: Instant
}>

/** A principal as the roster states it. Every workload has an `owner`, a human in the end. */
export type Principal = Readonly<{
  person: PrincipalId
  kind: PrincipalKind
  owner?: PrincipalId
  keys: readonly PrincipalKey[]
}>

export type Directory = ReadonlyMap<PrincipalId, Principal>

/**
 * The human who answers for `id`, found along the chain of owners, or undefined when the
 * chain ends in nobody or in a circle. Two people are two people only under this function.
 */
export function accountablePerson(
  directory: Directory,
  id: PrincipalId,
): PrincipalId | undefined {
  const seen = new Set<PrincipalId>()
  let current: PrincipalId | undefined = id
  while (current !== undefined && !seen.has(current)) {
    seen.add(current)
    const principal = directory.get(current)
    if (principal?.kind === 'human') return current
    current = principal?.owner
  }
  return undefined
}

/**
 * Everyone who counts as the requester: the requester, whoever it acts for, the human who answers for
 * each of them, and every workload such a human owns. Approvers and reviewers stand outside it (INV-4).
 */
export function closureOf(
  directory: Directory,
  requester: PrincipalId,
  actsFor: readonly PrincipalId[] = [],
): readonly PrincipalId[] {
  const named = [requester, ...actsFor]
  const humans = named.map((id) => accountablePerson(directory, id))
  const owned = [...directory.keys()].filter((id) => {
    const human = accountablePerson(directory, id)
    return human !== undefined && humans.includes(human)
  })
  return [
    ...new Set([...named, ...humans.filter((id) => id !== undefined), ...owned]),
  ].sort()
}
