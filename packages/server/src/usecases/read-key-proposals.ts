import type { Instant, KeyId, PrincipalId, PrincipalKind } from '@halligan/core'
import type { Deps } from './deps.ts'

export type KeyProposal = Readonly<{
  person: PrincipalId
  kind: PrincipalKind
  owner: PrincipalId | null
  keyId: KeyId
  pub: string
  at: Instant
}>

/** Keys that invitations proposed and that no roster holds yet: for the trustees to put into the next. */
export function readKeyProposals(deps: Deps): readonly KeyProposal[] {
  const view = deps.view()
  const held = new Set(
    deps.inForce
      .roster(view)
      .roster.people.flatMap(({ keys }) => keys.map(({ keyId }) => keyId)),
  )
  return view.entriesOf('roster').flatMap(({ entry }) => {
    if (entry.kind !== 'key_proposed' || held.has(String(entry.keyId))) return []
    return [
      {
        person: entry.person as PrincipalId,
        kind: entry.principalKind as PrincipalKind,
        owner: entry.owner as PrincipalId | null,
        keyId: String(entry.keyId),
        pub: String(entry.pub),
        at: entry.at,
      },
    ]
  })
}
