/**
 * What each member of a case file must prove. One generator each, which yields a failure for every demand
 * that is not met; together they cover every byte.
 *
 * @module
 */
import type { Commitment, Digest, Json, Roster } from '@halligan/core'
import { base64, base64url } from './base64.ts'
import { utf8 } from './bytes.ts'
import { canonicalBytes, canonicalText, parseCanonical } from './canonical.ts'
import { type CaseEntry, type CaseFile, replay } from './case-file.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { commit } from './commitment.ts'
import type { Crypto } from './crypto.ts'
import { digestOf } from './digest.ts'
import { type Entry, isOwnId } from './entry.ts'
import { isEnvelope } from './envelope.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import { parseVkey } from './note.ts'
import type { RosterChain } from './roster.ts'

export type CaseFailure = Readonly<{ where: string; code: string; detail: string }>
export type Failures = Generator<CaseFailure, void>

export const failure = (where: string, code: string, detail: string): CaseFailure => ({
  where,
  code,
  detail,
})

/** Everything that a check may need besides its own member. */
export type OpenCase = Readonly<{
  crypto: Crypto
  file: CaseFile
  chain: RosterChain
  latest: Roster
  /** As the checkpoint says, whoever signed it. */
  checkpoint: Checkpoint
  trustDigest: Digest | null
}>

/** The chain holds the trusted digest, is of this estate, and bears no signature that proves nothing. */
export function* rosters({ file, chain, latest, trustDigest }: OpenCase): Failures {
  if (trustDigest !== null && !chain.digests.includes(trustDigest))
    yield failure('rosters', 'untrusted_roster', `no version is the trusted ${trustDigest}`)
  if (latest.estate !== file.estate)
    yield failure('estate', 'other_estate', `the rosters are of ${latest.estate}`)
  for (const [i, envelope] of file.rosters.entries()) {
    const trustees = (chain.rosters[Math.max(0, i - 1)] as Roster).trustees
    const known = new Set(trustees.map(({ keyId }) => keyId))
    const signed = envelope.signatures.map(({ keyid }) => keyid)
    if (signed.some((keyId) => !known.has(keyId)) || new Set(signed).size < signed.length)
      yield failure(
        `rosters[${i}]`,
        'stray_signature',
        'a signature that counts for nothing',
      )
  }
}

/** A key of the roster's log signed it, and nobody whom the roster does not name. */
export function* checkpoint({ crypto, file, latest, checkpoint }: OpenCase): Failures {
  const opened = openCheckpoint(crypto, file.checkpoint, latest.logs)
  if (!opened.ok) yield failure('checkpoint', opened.error.code, opened.error.reason)
  const signatures = file.checkpoint.slice(file.checkpoint.lastIndexOf('\n\n') + 2, -1)
  const known = latest.logs
    .filter(({ origin }) => origin === checkpoint.origin)
    .map(({ vkey }) => parseVkey(crypto, vkey))
  for (const line of signatures.split('\n')) {
    const signature = base64.decode(line.split(' ').at(-1) ?? '')
    const isKnown = known.some((key) => isKeyLine(line, signature, key))
    if (!isKnown) yield failure('checkpoint', 'stray_signature', line)
  }
}

/** Each entry is its own id's content, follows the one before without a hole, and is in the log. */
export function* entries({ crypto, file, checkpoint }: OpenCase): Failures {
  const root = base64.decode(checkpoint.root)
  let before: CaseEntry | undefined
  for (const [i, item] of file.entries.entries()) {
    const where = whereIs(i, item)
    const { entry, index } = item
    if (entry.subject !== `grant/${file.grant}`)
      yield failure(where, 'other_subject', entry.subject)
    if (!isOwnId(crypto, entry))
      yield failure(where, 'wrong_id', 'not the id of this content')
    if (entry.prev !== (before?.entry.id ?? null))
      yield failure(where, 'broken_chain', 'prev is not the entry before')
    if (before !== undefined && index <= before.index)
      yield failure(where, 'broken_chain', 'the index does not rise')
    if (root === null || !isUnder(crypto, item, checkpoint.size, root))
      yield failure(where, 'not_included', 'not under the checkpoint')
    before = item
  }
}

/** Each text opens a commitment of the case; each commitment in an act has its text, or was erased. */
export function* blobs({ crypto, file }: OpenCase): Failures {
  const [demanded, mentioned] = commitmentsOf(file)
  let last = ''
  for (const [i, blob] of file.blobs.entries()) {
    const where = `blobs[${i}]`
    if (blob.commitment <= last) yield failure(where, 'not_sorted', blob.commitment)
    last = blob.commitment
    if (!mentioned.has(blob.commitment))
      yield failure(where, 'stray_blob', 'no entry commits to it')
    if ('erased' in blob) {
      if (!blob.erased) yield failure(where, 'misshapen', 'erased: true')
      continue
    }
    const salt = base64url.decode(blob.salt)
    if (salt === null || commit(crypto, salt, utf8(blob.text)) !== blob.commitment)
      yield failure(where, 'commitment_not_opened', 'salt and text do not open it')
  }
  const present = new Set(file.blobs.map(({ commitment }) => commitment))
  for (const commitment of demanded)
    if (!present.has(commitment)) yield failure('blobs', 'missing_blob', commitment)
}

/** The bundle is the one that the ruling, and then the decision, was made under. */
export function* bundle({ crypto, file }: OpenCase): Failures {
  const ruled = file.entries.findLast(
    ({ entry }) => entry.kind === 'activated' || entry.kind === 'ruled',
  )
  if (ruled === undefined && file.bundle === null) return
  if (file.bundle === null) yield failure('bundle', 'missing_bundle', 'no policy bundle')
  else if (ruled?.entry.bundleDigest !== digestOf(crypto, file.bundle))
    yield failure('bundle', 'digest_mismatch', 'not the bundle that ruled')
}

/** Core's own rules lead from the entries to the grant that the file ends with. */
export function* replayed({ file }: OpenCase): Failures {
  try {
    const grant = replay(file.entries.map(({ entry }) => entry))
    if (canonicalText(grant) !== canonicalText(file.final))
      yield failure('final', 'replay_differs', `the entries lead to ${grant.phase}`)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    yield failure('entries', 'cannot_happen', error.message)
  }
}

export const whereIs = (i: number, { entry }: CaseEntry): string =>
  `entries[${i}] ${entry.kind}`

function isUnder(
  crypto: Crypto,
  { entry, index, path }: CaseEntry,
  size: number,
  root: Uint8Array,
): boolean {
  const hashes = path.map((hash) => base64.decode(hash))
  if (hashes.some((hash) => hash?.length !== 32)) return false
  const leaf = leafHash(crypto, canonicalBytes(entry))
  return verifyInclusion(crypto, hashes as Uint8Array[], index, size, leaf, root)
}

function isKeyLine(
  line: string,
  signature: Uint8Array | null,
  key: ReturnType<typeof parseVkey>,
): boolean {
  if (key === null || signature === null || !line.startsWith(`— ${key.name} `)) return false
  return key.id.every((byte, i) => byte === signature[i])
}

type Commitments = ReadonlySet<Commitment>

/** Those in people's acts, whose texts the case must hold; and all of them, receipts' included. */
function commitmentsOf({ entries }: CaseFile): readonly [Commitments, Commitments] {
  const mentioned = new Set<Commitment>()
  const demanded = new Set<Commitment>()
  for (const { entry } of entries) {
    for (const commitment of commitmentsIn(entry)) mentioned.add(commitment)
    for (const commitment of commitmentsIn(entry.act ?? null)) demanded.add(commitment)
  }
  return [demanded, mentioned]
}

/** What a verdict on a grant of these entries is bound to: each of them, and every text they commit to. */
export function evidenceDigest(crypto: Crypto, entries: readonly Entry[]): Digest {
  const blobs = [...new Set(entries.flatMap(commitmentsIn))].sort()
  return digestOf(crypto, { entries: entries.map(({ id }) => id), blobs })
}

/** Members that hold commitments are named for it, in entries and in the statements inside them. */
function commitmentsIn(value: Json): readonly Commitment[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(commitmentsIn)
  if (isEnvelope(value)) return commitmentsIn(payloadOf(value.payload))
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'string' && isCommitmentName(name)
      ? [member as Commitment]
      : commitmentsIn(member),
  )
}

const isCommitmentName = (name: string): boolean =>
  name.endsWith('Commitment') || name === 'object'

function payloadOf(payload: string): Json {
  const bytes = base64.decode(payload)
  const parsed = bytes === null ? null : parseCanonical(bytes)
  return parsed?.ok ? parsed.value : null
}
