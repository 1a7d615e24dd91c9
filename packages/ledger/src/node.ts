/**
 * The ledger's cryptography on `node:crypto`.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import type { Crypto, Signer } from './crypto.ts'
import { keyIdOf } from './keyid.ts'

export const nodeCrypto: Crypto = {
  // By way of a text, a hash lands in Node's buffer pool, in half the time of a buffer of its own.
  sha256: (bytes) => Buffer.from(hash('sha256', bytes, 'latin1'), 'latin1'),
  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    const key = publicKeyObject(publicKey)
    return key !== null && verify(null, message, key, signature)
  },
}

/** A new key from the system's randomness. `seed` is its 32 private bytes. */
export function generateSigner(): { signer: Signer; seed: Uint8Array } {
  const seed = new Uint8Array(randomBytes(32))
  return { signer: signerFromSeed(seed), seed }
}

/** Throws unless `seed` is 32 bytes. */
export function signerFromSeed(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new Error(`a seed is 32 bytes, not ${seed.length}`)
  const der = Buffer.concat([pkcs8Prefix, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(-32))
  return {
    keyId: keyIdOf(nodeCrypto, publicKey),
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, key)),
  }
}

/** RFC 8410: everything of the DER before the 32 raw bytes. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** Making a key object costs as much as a third of a verification, and few keys sign much. */
const keyObjects = new Map<string, KeyObject | null>()
const maxKeyObjects = 1024

function publicKeyObject(publicKey: Uint8Array): KeyObject | null {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = keyObjects.get(name)
  if (known !== undefined) return known
  if (keyObjects.size >= maxKeyObjects) keyObjects.clear()
  const made = makeKeyObject(publicKey)
  keyObjects.set(name, made)
  return made
}

/** Null when the bytes are no point of the curve. */
function makeKeyObject(publicKey: Uint8Array): KeyObject | null {
  try {
    const der = Buffer.concat([spkiPrefix, publicKey])
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}
