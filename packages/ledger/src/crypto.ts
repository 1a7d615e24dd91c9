import type { KeyId } from '@halligan/core'

/**
 * All the cryptography that verification needs, synchronous so that a whole proof is one pure
 * function. `node.ts` has the adapter on `node:crypto`.
 */
export interface Crypto {
  /** FIPS 180-4; 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** RFC 8032. `publicKey` is 32 raw bytes, `signature` 64. False for anything malformed; never throws. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** One private Ed25519 key, wherever it lives. */
export interface Signer {
  readonly keyId: KeyId
  /** 32 raw bytes */
  readonly publicKey: Uint8Array
  /** 64 bytes over exactly `message` (RFC 8032, pure Ed25519). */
  sign(message: Uint8Array): Uint8Array
}
