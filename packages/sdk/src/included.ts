import type { Digest, Envelope, Json, Result, RosterLog } from '@halligan/core'
import { ok } from '@halligan/core'
import {
  base64,
  type Crypto,
  canonicalBytes,
  type Entry,
  entryBytes,
  leafHash,
  openCheckpoint,
  parseProof,
  payloadDigest,
  verifyInclusion,
} from '@halligan/ledger'
import { type ClientRefusal, deceived } from './refusal.ts'
import type { Head } from './trust.ts'

/** An entry and its C2SP `tlog-proof` text. */
export type ProvedEntry = Readonly<{ entry: Entry; proof: string }>

/** What a proof showed: where the entry stands, in which checkpoint, with that checkpoint's own note. */
export type Included = Readonly<{ index: number; head: Head; note: string }>

/** That exactly this entry stands in a log of the roster, under a checkpoint that the log's key signed. */
export function verifyIncluded(
  crypto: Crypto,
  logs: readonly RosterLog[],
  { entry, proof }: ProvedEntry,
): Result<Included, ClientRefusal> {
  const parsed = parseProof(proof)
  if (parsed === null) return deceived('entry_not_included', 'the proof is malformed')
  const { index, hashes, checkpoint: note } = parsed
  const opened = openCheckpoint(crypto, note, logs)
  if (!opened.ok)
    return deceived(
      'checkpoint_unsigned',
      `the proof's checkpoint fails: ${opened.error.code}`,
    )
  const { origin, size, root } = opened.value
  const rootHash = base64.decode(root)
  const leaf = leafHash(crypto, entryBytes(entry))
  if (rootHash === null || !verifyInclusion(crypto, hashes, index, size, leaf, rootHash))
    return deceived('entry_not_included', `entry ${index} is not under the signed root`)
  return ok({ index, head: { origin, size, root }, note })
}

/** The digest of the act that the entry records, whether it holds the act whole or names it. */
export function actIn(crypto: Crypto, entry: Entry): Digest | null {
  const { act } = entry
  if (typeof act === 'string') return act as Digest
  return isEnvelope(act) ? payloadDigest(crypto, act) : null
}

const isEnvelope = (value: Json | undefined): value is Envelope =>
  typeof value === 'object' && value !== null && 'payload' in value

export function sameJson(one: Json, other: Json): boolean {
  const [a, b] = [canonicalBytes(one), canonicalBytes(other)]
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
