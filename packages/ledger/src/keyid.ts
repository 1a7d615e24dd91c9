import type { KeyId } from '@halligan/core'
import { hex } from './base64.ts'
import type { Crypto } from './crypto.ts'

/** Names a key; trusts nothing. `publicKey` is 32 raw Ed25519 bytes. */
export const keyIdOf = (crypto: Crypto, publicKey: Uint8Array): KeyId =>
  `ed25519:${hex.encode(crypto.sha256(publicKey)).slice(0, 32)}`
