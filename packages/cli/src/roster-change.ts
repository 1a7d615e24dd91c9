import {
  type Digest,
  type Instant,
  type KeyId,
  ok,
  type Principal,
  type PrincipalId,
  type PrincipalKind,
  type Result,
  type Roster,
  type RosterEnforcer,
} from '@halligan/core'
import { type CliRefusal, usage } from './refusal.ts'

/** A key that an invitation proposed. */
export type Proposal = Readonly<{
  person: PrincipalId
  kind: PrincipalKind
  owner: PrincipalId | null
  keyId: KeyId
  pub: string
}>

export type Change = Readonly<{
  proposals: readonly Proposal[]
  accept: readonly PrincipalId[]
  dropKeys: readonly KeyId[]
  enforcers: readonly RosterEnforcer[]
  /** When the accepted keys may begin to approve. */
  approvesFrom: Instant
}>

/** The version after `roster`. A key that is dropped also stops being a trustee's. */
export function nextRoster(
  roster: Roster,
  prevDigest: Digest,
  change: Change,
): Result<Roster, CliRefusal> {
  const { accept, proposals, dropKeys } = change
  const stranger = accept.find((id) => !proposals.some(({ person }) => person === id))
  if (stranger !== undefined)
    return usage(
      'no_proposal',
      `${stranger} proposed no key`,
      `halligan invite ${stranger}`,
    )
  const accepted = proposals.filter(({ person }) => accept.includes(person))
  const people = accepted
    .reduce(
      (before, proposal) => withKey(before, proposal, change.approvesFrom),
      roster.people,
    )
    .map((each) => ({
      ...each,
      keys: each.keys.filter(({ keyId }) => !dropKeys.includes(keyId)),
    }))
  const replaced = change.enforcers.map(({ id }) => id)
  return ok({
    ...roster,
    version: roster.version + 1,
    prevDigest,
    people,
    trustees: roster.trustees.filter(({ keyId }) => !dropKeys.includes(keyId)),
    enforcers: [
      ...roster.enforcers.filter(({ id }) => !replaced.includes(id)),
      ...change.enforcers,
    ],
  })
}

function withKey(
  people: readonly Principal[],
  { person, kind, owner, keyId, pub }: Proposal,
  approvesFrom: Instant,
): readonly Principal[] {
  const key = { keyId, alg: 'ed25519', pub, approvesFrom } as const
  const known = people.find((each) => each.person === person)
  if (known === undefined)
    return [...people, { person, kind, ...(owner === null ? {} : { owner }), keys: [key] }]
  if (known.keys.some((held) => held.keyId === keyId)) return people
  const keys = [...known.keys, key]
  return people.map((each) => (each.person === person ? { ...known, keys } : each))
}
