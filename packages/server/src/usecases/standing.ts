import type {
  Digest,
  Envelope,
  Instant,
  Principal,
  PrincipalKey,
  Standing,
} from '@halligan/core'
import { payloadDigest, payloadTypes, readEnvelope } from '@halligan/ledger'
import { type Bundle, groupsOf } from '@halligan/policy'
import type { View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { RosterInForce } from './in-force.ts'
import { permitted } from './permission.ts'
import { recentAuthors } from './policy-authors.ts'

/** A person as the bundle and the roster see them at this moment, with the key they signed with. */
export const standingOf = (
  bundle: Bundle,
  { person, kind }: Principal,
  { approvesFrom }: PrincipalKey,
): Standing => ({ person, kind, groups: groupsOf(bundle.estate, person), approvesFrom })

export type GivenApproval = Readonly<{ act: Envelope; digest: Digest }>

/** The approvals on the books, in order. */
export const approvalsOf = (
  deps: Deps,
  view: View,
  grant: string,
): readonly GivenApproval[] =>
  view.entriesOf(`grant/${grant}`).flatMap(({ entry }) => {
    if (entry.kind !== 'approval_given') return []
    const act = entry.act as Envelope
    return [{ act, digest: payloadDigest(deps.crypto, act) }]
  })

/** Digest of the act that asked. */
export function requestActOf(deps: Deps, view: View, grant: string): Digest {
  const first = view.entriesOf(`grant/${grant}`)[0]
  if (first?.entry.kind !== 'requested')
    throw new Error(`corrupt ledger: ${grant} does not begin with its request`)
  return payloadDigest(deps.crypto, first.entry.act as Envelope)
}

/**
 * Who of those that approved could still approve now (AP-10): the key they signed with is in the
 * roster, the policy still permits them, and they did not write that policy.
 */
export function approversNow(
  deps: Deps,
  view: View,
  bundle: Bundle,
  approvals: readonly GivenApproval[],
  entitlement: string,
  now: Instant,
): readonly Standing[] {
  const inForce = deps.inForce.roster(view)
  const authors = recentAuthors(view, inForce.directory, now)
  return approvals.flatMap(({ act }) => {
    const found = signerOf(inForce, act)
    if (found === undefined || authors.has(found.by.person)) return []
    const still = permitted(deps, view, found.by, { action: 'approve', entitlement })
    return still.ok ? [standingOf(bundle, found.by, found.key)] : []
  })
}

function signerOf(
  { roster }: RosterInForce,
  envelope: Envelope,
): { by: Principal; key: PrincipalKey } | undefined {
  const read = readEnvelope<{ by: string; keyId: string }>(payloadTypes.act, envelope)
  if (!read.ok) throw new Error('corrupt ledger: an approval does not parse')
  const { by, keyId } = read.value.value
  const principal = roster.people.find(({ person }) => person === by)
  const key = principal?.keys.find((held) => held.keyId === keyId)
  return principal === undefined || key === undefined ? undefined : { by: principal, key }
}
