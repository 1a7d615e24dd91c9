import {
  type Act,
  type Digest,
  type Envelope,
  type Grant,
  type GrantEvent,
  type GrantId,
  type Json,
  ok,
  type Result,
  type Roster,
} from '@halligan/core'
import {
  base64url,
  type Crypto,
  commit,
  digestOf,
  type Entry,
  isOwnId,
  replay,
  verifyActSignature,
} from '@halligan/ledger'
import { sameJson } from './included.ts'
import { type ClientRefusal, deceived } from './refusal.ts'

export type KeptText = Readonly<
  { commitment: Digest; salt: string; text: string } | { commitment: Digest; erased: true }
>

export type GrantAnswer = Readonly<{
  grant: Grant
  entries: readonly Readonly<{ index: number; entry: Entry }>[]
  blobs: readonly KeptText[]
  notices: readonly Json[]
}>

/** A grant as its own entries tell it, whatever the server's summary says. */
export type ReadGrant = Readonly<{
  grant: Grant
  entries: GrantAnswer['entries']
  /** Text by commitment; null where it was erased. */
  texts: ReadonlyMap<string, string | null>
  notices: readonly Json[]
}>

/**
 * Replays the entries, whose chain of `prev` lets none be left out, and demands that the requester signed these very
 * terms and that every text opens its commitment.
 */
export function verifyGrantAnswer(
  crypto: Crypto,
  rosters: readonly Roster[],
  id: GrantId,
  answer: GrantAnswer,
): Result<ReadGrant, ClientRefusal> {
  const { entries, blobs, notices } = answer
  const chained = verifyChain(crypto, `grant/${id}`, entries)
  if (!chained.ok) return chained
  const grant = replayed(entries)
  if (grant === null || !sameJson(grant, answer.grant))
    return deceived('other_entry', 'the grant shown is not what its entries make it')
  const signed = verifyRequest(crypto, rosters, entries, grant)
  if (!signed.ok) return signed
  const texts = openTexts(crypto, blobs)
  return texts.ok ? ok({ grant, entries, texts: texts.value, notices }) : texts
}

function verifyChain(
  crypto: Crypto,
  subject: string,
  entries: GrantAnswer['entries'],
): Result<null, ClientRefusal> {
  let prev: Digest | null = null
  for (const { index, entry } of entries) {
    if (entry.prev !== prev || entry.subject !== subject)
      return deceived('other_entry', `an entry of ${subject} is missing before ${index}`)
    if (!isOwnId(crypto, entry))
      return deceived('other_entry', `entry ${index} is not what its id names`)
    prev = entry.id
  }
  return ok(null)
}

function replayed(entries: GrantAnswer['entries']): Grant | null {
  try {
    return replay(entries.map(({ entry }) => entry))
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('corrupt ledger')) return null
    throw error
  }
}

function verifyRequest(
  crypto: Crypto,
  rosters: readonly Roster[],
  entries: GrantAnswer['entries'],
  grant: Grant,
): Result<null, ClientRefusal> {
  const [first] = entries
  const digest = digestOf(crypto, grant.terms)
  if (digest !== grant.termsDigest)
    return deceived('terms_digest_differs', 'the terms are not those that the digest names')
  const event = first?.entry as unknown as Extract<GrantEvent, { kind: 'requested' }>
  const act = actSignedIn(crypto, rosters, event.act)
  if (act === null)
    return deceived('request_not_signed', 'no roster knows the signature of the request')
  return act.verb === 'request' &&
    act.by === grant.terms.requester &&
    act.termsDigest === digest
    ? ok(null)
    : deceived('request_not_signed', 'the requester did not sign these terms')
}

/** By a key that some accepted version of the roster held: keys rotate while a grant lives. */
function actSignedIn(
  crypto: Crypto,
  rosters: readonly Roster[],
  envelope: Envelope,
): Act | null {
  for (const roster of rosters.toReversed()) {
    const verified = verifyActSignature(crypto, envelope, roster)
    if (verified.ok) return verified.value.act
  }
  return null
}

export function openTexts(
  crypto: Crypto,
  blobs: readonly KeptText[],
): Result<ReadonlyMap<string, string | null>, ClientRefusal> {
  const texts = new Map<string, string | null>()
  for (const blob of blobs) {
    if (!('erased' in blob) && !opens(crypto, blob))
      return deceived('commitment_not_opened', `a text does not open ${blob.commitment}`)
    texts.set(blob.commitment, 'erased' in blob ? null : blob.text)
  }
  return ok(texts)
}

function opens(
  crypto: Crypto,
  { commitment, salt, text }: Readonly<{ commitment: Digest; salt: string; text: string }>,
): boolean {
  const bytes = base64url.decode(salt)
  if (bytes === null || bytes.length !== 32) return false
  return commit(crypto, bytes, new TextEncoder().encode(text)) === commitment
}
