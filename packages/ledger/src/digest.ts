import type { Digest, Json } from '@halligan/core'
import { hex } from './base64.ts'
import { canonicalBytes } from './canonical.ts'
import type { Crypto } from './crypto.ts'

/** SHA-256 of the canonical bytes of `value`. Throws for what is not JSON. */
export const digestOf = (crypto: Crypto, value: Json): Digest =>
  digestOfBytes(crypto, canonicalBytes(value))

export const digestOfBytes = (crypto: Crypto, bytes: Uint8Array): Digest =>
  `sha256:${hex.encode(crypto.sha256(bytes))}`

export const isDigest = (text: string): text is Digest =>
  text.length === 71 && /^sha256:[0-9a-f]{64}$/.test(text)
