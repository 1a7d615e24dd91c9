/**
 * The one envelope: DSSE v1 around canonical JSON. The signature covers PAE(payloadType, payload), so a
 * signature over one type of statement is never one over another.
 *
 * @module
 */
import {
  type Digest,
  type Envelope,
  type Json,
  type KeyId,
  ok,
  type Proof,
  type Result,
  refuse,
} from '@halligan/core'
import { base64, base64url } from './base64.ts'
import { concat, utf8 } from './bytes.ts'
import { canonicalBytes, parseCanonical } from './canonical.ts'
import type { Crypto, Signer } from './crypto.ts'
import { digestOfBytes } from './digest.ts'

export const payloadTypes = {
  act: 'application/vnd.halligan.act.v1+json',
  decision: 'application/vnd.halligan.decision.v1+json',
  order: 'application/vnd.halligan.order.v1+json',
  receipt: 'application/vnd.halligan.receipt.v1+json',
  beacon: 'application/vnd.halligan.beacon.v1+json',
  roster: 'application/vnd.halligan.roster.v1+json',
  session: 'application/vnd.halligan.session.v1+json',
  sync: 'application/vnd.halligan.sync.v1+json',
  journal: 'application/vnd.halligan.journal.v1+json',
} as const

export type PayloadType = (typeof payloadTypes)[keyof typeof payloadTypes]

/** A key that somebody trusted vouches for. `pub` is base64url of 32 raw bytes. */
export type VerifyingKey = Readonly<{ keyId: KeyId; pub: string }>

export type EnvelopeRefusal = Readonly<{ code: EnvelopeRefusalCode; reason: string }>

export type EnvelopeRefusalCode =
  | 'malformed_envelope'
  | 'wrong_payload_type'
  | 'not_canonical'
  | 'bad_signature'

/** DSSE v1 pre-authentication encoding: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body. */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType)
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload)
}

export function sealEnvelope(
  type: PayloadType,
  value: Json,
  ...signers: readonly Signer[]
): Envelope {
  const bytes = canonicalBytes(value)
  const payload = base64.encode(bytes)
  return signEnvelope({ payloadType: type, payload, signatures: [] }, bytes, signers)
}

/** `envelope` with one more signature, as a trustee adds to a roster. Throws for a malformed payload. */
export const addSignature = (envelope: Envelope, signer: Signer): Envelope =>
  signEnvelope(envelope, payloadBytes(envelope), [signer])

/**
 * What the envelope says, signed by nobody yet. The payload type must be exact and the bytes canonical. `T`
 * is the caller's claim: parse the value before believing its shape.
 */
export function readEnvelope<T = Json>(
  type: PayloadType,
  envelope: Envelope,
): Result<Readonly<{ value: T; bytes: Uint8Array }>, EnvelopeRefusal> {
  if (!isEnvelope(envelope)) return no('malformed_envelope', 'not a DSSE envelope')
  if (envelope.payloadType !== type)
    return no('wrong_payload_type', `expected ${type}, got ${envelope.payloadType}`)
  const bytes = base64.decode(envelope.payload)
  if (bytes === null) return no('malformed_envelope', 'the payload is not base64')
  const parsed = parseCanonical(bytes)
  if (!parsed.ok) return no('not_canonical', parsed.error.reason)
  return ok({ value: parsed.value as T, bytes })
}

/**
 * What the envelope says and which of `keys` said it, each once, however often it signed (AP-05). Signatures
 * by keys that are not in `keys` are ignored; one by a key in `keys` that does not verify refuses the whole,
 * and so does the absence of any that verifies.
 */
export function verifyEnvelope<T = Json>(
  crypto: Crypto,
  type: PayloadType,
  envelope: Envelope,
  keys: readonly VerifyingKey[],
): Result<
  Readonly<{ value: T; bytes: Uint8Array; keyIds: readonly KeyId[] }>,
  EnvelopeRefusal
> {
  const read = readEnvelope<T>(type, envelope)
  if (!read.ok) return read
  const message = pae(type, read.value.bytes)
  const verified = new Set<KeyId>()
  for (const signature of envelope.signatures) {
    const key = keys.find(({ keyId }) => keyId === signature.keyid)
    if (key === undefined) continue
    if (!isSignedBy(crypto, key, message, signature))
      return no('bad_signature', `the signature by ${key.keyId} does not verify`)
    verified.add(key.keyId)
  }
  if (verified.size === 0) return no('bad_signature', 'no signature by an expected key')
  return ok({ ...read.value, keyIds: [...verified] })
}

/**
 * The digest of an act, decision, order, receipt or roster: of the signed bytes, so that it is the same
 * whoever signed. Throws for an envelope that was never read: the payload must be base64.
 */
export const payloadDigest = (crypto: Crypto, envelope: Envelope): Digest =>
  digestOfBytes(crypto, payloadBytes(envelope))

export function isEnvelope(value: unknown): value is Envelope {
  return (
    hasExactly(value, ['payload', 'payloadType', 'signatures']) &&
    typeof value.payloadType === 'string' &&
    typeof value.payload === 'string' &&
    Array.isArray(value.signatures) &&
    value.signatures.length <= maxSignatures &&
    value.signatures.every(isProof)
  )
}

const maxSignatures = 64

const isProof = (value: unknown): value is Proof =>
  hasExactly(value, ['keyid', 'kind', 'sig']) &&
  value.kind === 'ed25519' &&
  typeof value.keyid === 'string' &&
  typeof value.sig === 'string'

function hasExactly<K extends string>(
  value: unknown,
  keys: readonly K[],
): value is Record<K, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return Object.keys(value).sort().join() === keys.join()
}

function signEnvelope(
  envelope: Envelope,
  payload: Uint8Array,
  signers: readonly Signer[],
): Envelope {
  const message = pae(envelope.payloadType, payload)
  const added = signers.map((signer): Proof => {
    const sig = base64.encode(signer.sign(message))
    return { kind: 'ed25519', keyid: signer.keyId, sig }
  })
  return { ...envelope, signatures: [...envelope.signatures, ...added] }
}

function isSignedBy(
  crypto: Crypto,
  key: VerifyingKey,
  message: Uint8Array,
  { sig }: Proof,
): boolean {
  const pub = base64url.decode(key.pub)
  const signature = base64.decode(sig)
  if (pub?.length !== 32 || signature?.length !== 64) return false
  return crypto.verifyEd25519(pub, message, signature)
}

function payloadBytes({ payload }: Envelope): Uint8Array {
  const bytes = base64.decode(payload)
  if (bytes === null) throw new Error('malformed envelope: the payload is not base64')
  return bytes
}

const no = (code: EnvelopeRefusalCode, reason: string) => refuse({ code, reason } as const)
