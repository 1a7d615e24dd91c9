/** What a signed or stored document may hold. Numbers are safe integers, except in facts from outside. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** SHA-256 of canonical bytes (RFC 8785), as `sha256:` and 64 lowercase hex digits. */
export type Digest = `sha256:${string}`

/** SHA-256 of `"halligan/blob/v1" || salt || bytes`, in the same notation as {@link Digest}. */
export type Commitment = Digest

/** A DSSE envelope: `payload` is base64 of canonical bytes, signed over PAE(payloadType, payload). */
export type Envelope = Readonly<{
  payloadType: string
  payload: string
  signatures: readonly Proof[]
}>

/** One signature by the key `keyid`. The algorithm is the roster's to say, never the message's. */
export type Proof = Readonly<{ kind: 'ed25519'; keyid: KeyId; sig: string }>

/** `ed25519:` and the first 32 hex digits of the SHA-256 of the raw public key. */
export type KeyId = string
