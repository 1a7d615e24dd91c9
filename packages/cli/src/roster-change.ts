import {
  currentLog,
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
  type RosterLog,
} from '@halligan/core'
import { parseVkey, vkeyOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { Head } from '@halligan/sdk'
import { type CliRefusal, usage } from './refusal.ts'

/** A key that an invitation proposed. */
export type Proposal = Readonly<{
  person: PrincipalId
  kind: PrincipalKind
  owner: PrincipalId | null
  keyId: KeyId
  pub: string
}>

/** What a file may replace whole; the rest of a roster follows from the version before. */
export const replaceable = [
  'trustees',
  'threshold',
  'issuers',
  'people',
  'approverGroups',
  'enforcers',
] as const

export type Change = Readonly<{
  replace: Partial<Pick<Roster, (typeof replaceable)[number]>>
  proposals: readonly Proposal[]
  /** A principal, or `PRINCIPAL=KEYID` where that one proposed several keys. */
  accept: readonly string[]
  dropKeys: readonly KeyId[]
  enforcers: readonly RosterEnforcer[]
  /** When the accepted keys may begin to approve. */
  approvesFrom: Instant
  /** Closes the current log here and opens the next: the way out of SAFE MODE (PROTOCOL 7). */
  closeLogAt: Head | null
}>

/** The version after `before`. A trustee whose key is dropped goes on with the newest one left, or is a trustee no more. */
export function nextRoster(
  before: Roster,
  prevDigest: Digest,
  change: Change,
): Result<Roster, CliRefusal> {
  const { accept, proposals, dropKeys } = change
  const roster = { ...before, ...change.replace }
  const accepted: Proposal[] = []
  for (const wanted of accept) {
    const one = proposalFor(proposals, wanted)
    if (!one.ok) return one
    accepted.push(one.value)
  }
  const people = accepted
    .reduce(
      (known, proposal) => withKey(known, proposal, change.approvesFrom),
      roster.people,
    )
    .map((each) => ({
      ...each,
      keys: each.keys.filter(({ keyId }) => !dropKeys.includes(keyId)),
    }))
  const logs =
    change.closeLogAt === null ? roster.logs : nextLogs(roster, change.closeLogAt)
  const replaced = change.enforcers.map(({ id }) => id)
  return ok({
    ...roster,
    version: before.version + 1,
    prevDigest,
    people,
    logs,
    trustees: roster.trustees.flatMap((trustee) =>
      dropKeys.includes(trustee.keyId) ? trusteeFrom(people, trustee.person) : [trustee],
    ),
    enforcers: [
      ...roster.enforcers.filter(({ id }) => !replaced.includes(id)),
      ...change.enforcers,
    ],
  })
}

/**
 * The one key that is meant. Whoever stole an invitation's code proposed a key in its holder's name too, and a name
 * alone would take in both.
 */
function proposalFor(
  proposals: readonly Proposal[],
  wanted: string,
): Result<Proposal, CliRefusal> {
  const [id = '', key] = wanted.split('=')
  const found = proposals.filter(
    ({ person, keyId }) => person === id && (key === undefined || keyId === key),
  )
  const [first] = found
  if (first === undefined)
    return usage('no_proposal', `${wanted} proposed no key`, `halligan invite ${id}`)
  if (found.every(({ keyId }) => keyId === first.keyId)) return ok(first)
  const keys = [...new Set(found.map(({ keyId }) => `${id}=${keyId}`))]
  return usage(
    'which_key',
    `${id} proposed several keys: ${keys.join(', ')}`,
    `compare with ${id}, then --accept ${id}=KEYID`,
  )
}

function trusteeFrom(people: Roster['people'], person: PrincipalId): Roster['trustees'] {
  const newest = people.find((each) => each.person === person)?.keys.at(-1)
  return newest === undefined ? [] : [{ person, keyId: newest.keyId, key: newest.pub }]
}

/** The same key under the next origin; indexes go on where the old log is cut. */
function nextLogs({ logs, ...roster }: Roster, { size, root }: Head): readonly RosterLog[] {
  const last = currentLog({ ...roster, logs })
  const key = parseVkey(nodeCrypto, last.vkey)
  if (key === null) throw new Error(`corrupt roster: ${last.vkey} is no verifier key`)
  const base = (logs[0] ?? last).origin
  const origin = `${base}/e${logs.length + 1}`
  return [
    ...logs.slice(0, -1),
    { ...last, toSize: size, toRoot: root },
    { origin, vkey: vkeyOf(nodeCrypto, origin, key.publicKey), fromSize: size },
  ]
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
