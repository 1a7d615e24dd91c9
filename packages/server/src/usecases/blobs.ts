import { type Commitment, ok, type Result, refuse } from '@halligan/core'
import { base64url, type Crypto, commit } from '@halligan/ledger'
import type { Blob, Tx } from '../store/port.ts'
import type { IntakeRefusal } from './refusal.ts'

/**
 * Keeps the texts that came with a statement. Every text must open its commitment, and every
 * commitment in `wanted` must have come with its text; the bytes are kept verbatim (RQ-10).
 */
export function keepBlobs(
  crypto: Crypto,
  tx: Tx,
  blobs: readonly Blob[],
  wanted: readonly Commitment[],
): Result<null, IntakeRefusal> {
  const foreign = blobs.find(
    (blob) => !wanted.includes(blob.commitment) || !opens(crypto, blob),
  )
  if (foreign !== undefined)
    return refuse({ code: 'bad_commitment', commitment: foreign.commitment })
  const missing = wanted.find(
    (commitment) => !blobs.some((blob) => blob.commitment === commitment),
  )
  if (missing !== undefined) return refuse({ code: 'missing_blob', commitment: missing })
  for (const blob of blobs) tx.putBlob(blob)
  return ok(null)
}

function opens(crypto: Crypto, { commitment, salt, text }: Blob): boolean {
  const bytes = base64url.decode(salt)
  if (bytes?.length !== 32) return false
  return commit(crypto, bytes, new TextEncoder().encode(text)) === commitment
}
