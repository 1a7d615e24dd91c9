import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Signer, utf8 } from '@halligan/ledger'
import type { Head } from './port.ts'

/** HMAC-SHA256 over a head. */
export type SealHead = (head: Head) => Uint8Array

/**
 * Marks heads as written by the holder of the log's key, in the transaction that writes them. The mark is no signature
 * of the head, so that a transaction which is lost leaves nothing that could equivocate (INV-13). Its key is a
 * signature that is made here and never leaves: Ed25519 makes the same one each time (RFC 8032).
 */
export function headSealer(signer: Signer): SealHead {
  const key = signer.sign(utf8('halligan/head-seal/v1'))
  return ({ origin, size, root }) =>
    createHmac('sha256', key)
      .update(JSON.stringify([origin, size, root]))
      .digest()
}

export const isSealed = (sealHead: SealHead, head: Head, seal: unknown): boolean =>
  seal instanceof Uint8Array && seal.length === 32 && timingSafeEqual(sealHead(head), seal)
