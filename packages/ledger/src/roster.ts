/**
 * The roster: the only root of trust, and the chain of signatures that leads from a pinned version to the
 * latest (PROTOCOL 1).
 *
 * @module
 */
import {
  type Digest,
  type Envelope,
  isSlug,
  type Json,
  type KeyId,
  ok,
  type Principal,
  type PrincipalId,
  type PrincipalKey,
  type Result,
  type Roster,
  type RosterEnforcer,
  type RosterIssuer,
  type RosterLog,
  refuse,
} from '@halligan/core'
import { base64, base64url } from './base64.ts'
import type { Crypto } from './crypto.ts'
import {
  type EnvelopeRefusal,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  verifyEnvelope,
} from './envelope.ts'
import { keyIdOf } from './keyid.ts'
import { parseVkey } from './note.ts'
import {
  bytes,
  digest,
  instant,
  integer,
  keyId,
  listOf,
  type Misshapen,
  mapOf,
  nullable,
  object,
  oneOf,
  parseAs,
  slug,
  text,
} from './shape.ts'

type Trustee = Roster['trustees'][number]

export type RosterRefusal = Readonly<{ code: RosterRefusalCode; reason: string }>

export type RosterRefusalCode =
  | EnvelopeRefusal['code']
  | 'misshapen'
  | 'contradictory_roster'
  | 'other_estate'
  | 'broken_chain'
  | 'too_few_trustees'
  | 'untrusted_roster'

/** Versions in order, each the successor of the one before. Never empty. */
export type RosterChain = Readonly<{
  rosters: readonly Roster[]
  digests: readonly Digest[]
}>

const root = (value: Json, where: string) =>
  typeof value === 'string' && base64.decode(value)?.length === 32
    ? null
    : `${where}: base64 of 32 bytes`

const many = { max: 4096 }

const shape = object<Roster>({
  estate: slug,
  version: integer(1),
  prevDigest: nullable(digest),
  trustees: listOf(object<Trustee>({ person: slug, keyId, key: bytes(32) }), {
    min: 1,
    max: 64,
  }),
  threshold: integer(1, 64),
  logs: listOf(
    object<RosterLog>(
      {
        origin: text(256),
        vkey: text(512),
        fromSize: integer(0),
        toSize: integer(0),
        toRoot: root,
      },
      'toSize',
      'toRoot',
    ),
    { min: 1, max: 256 },
  ),
  issuers: listOf(
    object<RosterIssuer>(
      {
        keyId,
        key: bytes(32),
        notBefore: instant,
        retiredAt: object<NonNullable<RosterIssuer['retiredAt']>>({
          origin: text(256),
          size: integer(0),
        }),
      },
      'retiredAt',
    ),
    { min: 1, max: 256 },
  ),
  people: listOf(
    object<Principal>(
      {
        person: slug,
        kind: oneOf('human', 'service_account', 'api_key', 'agent'),
        owner: slug,
        keys: listOf(
          object<PrincipalKey>({
            keyId,
            alg: oneOf('ed25519'),
            pub: bytes(32),
            approvesFrom: instant,
          }),
          { max: 32 },
        ),
      },
      'owner',
    ),
    many,
  ),
  approverGroups: mapOf(isSlug, listOf(slug, many)),
  enforcers: listOf(
    object<RosterEnforcer>({
      id: slug,
      keyId,
      key: bytes(32),
      targets: listOf(slug, many),
    }),
    many,
  ),
})

export const parseRoster = (value: Json): Result<Roster, Misshapen> =>
  parseAs<Roster>(shape, value)

/** The digest that operators pin and compare by eye. */
export const rosterDigest = payloadDigest

/**
 * The chain, if every version is signed by `threshold` distinct people among the trustees of the version
 * before (the first: among its own), names that version's digest, and is of the same estate; and if the
 * pinned digest is one of them. Versions older than the pin may be left out, the pin itself never.
 */
export function verifyRosterChain(
  crypto: Crypto,
  chain: readonly Envelope[],
  pinned: { readonly digest: Digest },
): Result<RosterChain, RosterRefusal> {
  const consistent = followRosterChain(crypto, chain)
  if (!consistent.ok || consistent.value.digests.includes(pinned.digest)) return consistent
  return no('untrusted_roster', `no version is the pinned ${pinned.digest}`)
}

/** As {@link verifyRosterChain}, trusted by nobody: the chain only agrees with itself. */
export function followRosterChain(
  crypto: Crypto,
  chain: readonly Envelope[],
): Result<RosterChain, RosterRefusal> {
  const rosters: Roster[] = []
  const digests: Digest[] = []
  for (const envelope of chain) {
    const next = readRoster(crypto, envelope)
    if (!next.ok) return next
    const before = rosters.at(-1) ?? next.value
    const why =
      whyNotSuccessor(rosters.at(-1), digests.at(-1), next.value) ??
      whyNotSigned(crypto, envelope, before)
    if (why !== null) return refuse(why)
    rosters.push(next.value)
    digests.push(payloadDigest(crypto, envelope))
  }
  return rosters.length > 0 ? ok({ rosters, digests }) : no('broken_chain', 'no roster')
}

/** What the envelope says, in shape and free of contradiction; whoever signed it. */
export function readRoster(
  crypto: Crypto,
  envelope: Envelope,
): Result<Roster, RosterRefusal> {
  const read = readEnvelope(payloadTypes.roster, envelope)
  if (!read.ok) return read
  const parsed = parseRoster(read.value.value)
  if (!parsed.ok) return parsed
  const why = whyContradictory(crypto, parsed.value)
  return why === null ? parsed : no('contradictory_roster', why)
}

function whyNotSuccessor(
  before: Roster | undefined,
  beforeDigest: Digest | undefined,
  next: Roster,
): RosterRefusal | null {
  if (before === undefined || beforeDigest === undefined) {
    const isGenesis = next.version === 1
    return isGenesis === (next.prevDigest === null)
      ? null
      : broken(next, 'only the first version has no predecessor')
  }
  if (next.estate !== before.estate)
    return { code: 'other_estate', reason: `${next.estate} after ${before.estate}` }
  if (next.version !== before.version + 1)
    return broken(next, `it follows version ${before.version}`)
  if (next.prevDigest !== beforeDigest) return broken(next, 'it names another predecessor')
  return null
}

function whyNotSigned(
  crypto: Crypto,
  envelope: Envelope,
  { trustees, threshold }: Roster,
): RosterRefusal | null {
  const keys = trustees.map((trustee) => ({ keyId: trustee.keyId, pub: trustee.key }))
  const verified = verifyEnvelope(crypto, payloadTypes.roster, envelope, keys)
  if (!verified.ok) return verified.error
  const people = new Set(
    trustees
      .filter((one) => verified.value.keyIds.includes(one.keyId))
      .map((one) => one.person),
  )
  if (people.size >= threshold) return null
  const reason = `${people.size} of the ${threshold} trustees it needs signed`
  return { code: 'too_few_trustees', reason }
}

/**
 * With no signature but one of each trustee's key. Anybody can add others to the file before it is brought to a server,
 * and a case file must not fail for ever because of them. The digest is of the payload and stays.
 */
export function withoutStrays(
  envelope: Envelope,
  { trustees }: Pick<Roster, 'trustees'>,
): Envelope {
  const first = (keyId: string) =>
    envelope.signatures.findIndex(({ keyid }) => keyid === keyId)
  const signatures = envelope.signatures.filter(
    ({ keyid }, at) => first(keyid) === at && trustees.some(({ keyId }) => keyId === keyid),
  )
  return { ...envelope, signatures }
}

/** A key serves one holder and bears its own id; people are listed once; owners and groups exist. */
function whyContradictory(crypto: Crypto, roster: Roster): string | null {
  const { people, trustees, threshold, logs, enforcers } = roster
  const keys = keysOf(roster)
  const misnamed = keys.find(({ keyId, pub }) => keyId !== keyIdIn(crypto, pub))
  if (misnamed !== undefined) return `${misnamed.keyId} is not the id of its key`
  const shared = sharedKey(keys)
  if (shared !== undefined) return `${shared} has two holders`
  const twice = repeated([
    ...people.map(({ person }) => `principal ${person}`),
    ...enforcers.map(({ id }) => `enforcer ${id}`),
  ])
  if (twice !== undefined) return `${twice} is listed twice`
  if (threshold > new Set(trustees.map(({ person }) => person)).size)
    return 'the threshold is above the number of trustees'
  const names = new Set(people.map(({ person }) => person))
  const stranger = mentionedIn(roster).find((person) => !names.has(person))
  if (stranger !== undefined) return `${stranger} is mentioned but not listed`
  const ajar = logs.find(
    ({ toSize, toRoot }) => (toSize === undefined) !== (toRoot === undefined),
  )
  if (ajar !== undefined) return `${ajar.origin} is closed at a size without its root`
  const badLog = logs.find(({ vkey, origin }) => parseVkey(crypto, vkey)?.name !== origin)
  return badLog === undefined ? null : `the verifier key of ${badLog.origin} is not its own`
}

type HeldKey = Readonly<{ holder: string; keyId: KeyId; pub: string }>

/** A trustee may sign rosters with the key that the same person acts with. Nobody else shares keys. */
const keysOf = (roster: Roster): readonly HeldKey[] => [
  ...roster.trustees.map(({ person, keyId, key }) => ({ holder: person, keyId, pub: key })),
  ...roster.issuers.map(({ keyId, key }) => ({ holder: 'issuer/', keyId, pub: key })),
  ...roster.enforcers.map(({ id, keyId, key }) => ({
    holder: `enforcer/${id}`,
    keyId,
    pub: key,
  })),
  ...roster.people.flatMap(({ person, keys }) =>
    keys.map(({ keyId, pub }) => ({ holder: person, keyId, pub })),
  ),
]

function sharedKey(keys: readonly HeldKey[]): KeyId | undefined {
  const holders = new Map<KeyId, string>()
  for (const { keyId, holder } of keys) {
    if ((holders.get(keyId) ?? holder) !== holder) return keyId
    holders.set(keyId, holder)
  }
  return undefined
}

const mentionedIn = ({ people, approverGroups }: Roster): readonly PrincipalId[] => [
  ...people.flatMap(({ owner }) => (owner === undefined ? [] : [owner])),
  ...Object.values(approverGroups).flat(),
]

function keyIdIn(crypto: Crypto, pub: string): KeyId | null {
  const raw = base64url.decode(pub)
  return raw === null ? null : keyIdOf(crypto, raw)
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find((name) => seen.has(name) || !seen.add(name))
}

const broken = ({ version }: Roster, why: string): RosterRefusal => ({
  code: 'broken_chain',
  reason: `version ${version}: ${why}`,
})

const no = (code: RosterRefusalCode, reason: string) => refuse({ code, reason } as const)
