import type { Commitment } from '@halligan/core'
import { concat, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { digestOfBytes } from './digest.ts'

const domain = utf8('halligan/blob/v1')

/**
 * Binds the ledger to free text that can still be erased: without the salt, the commitment says nothing
 * about the bytes (PROTOCOL 4). `salt` is 32 random bytes made by the author's client; another length throws.
 */
export function commit(crypto: Crypto, salt: Uint8Array, bytes: Uint8Array): Commitment {
  if (salt.length !== 32) throw new Error(`a salt is 32 bytes, not ${salt.length}`)
  return digestOfBytes(crypto, concat(domain, salt, bytes))
}
