import type { SyncAnswer } from '@halligan/contract'
import type { Json } from '@halligan/core'
import {
  base64,
  canonicalBytes,
  completeEntry,
  consistencyProof,
  type Entry,
  type EntryDraft,
  formatProof,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  type Signer,
  signCheckpoint,
} from '@halligan/ledger'
import { nodeCrypto as crypto } from '@halligan/ledger/node'

export const origin = 'halligan.example/e1'

export type Proved = SyncAnswer['opens'][number]['order']

/** A log in memory, with its proofs, that can be truncated as a restored backup would be. */
export function createLog(signer: Signer) {
  let entries: Entry[] = []
  let leaves: Uint8Array[] = []
  const read: NodeReader = (level, index) =>
    level === 0
      ? (leaves[index] as Uint8Array)
      : nodeHash(crypto, read(level - 1, 2 * index), read(level - 1, 2 * index + 1))
  const rootAt = (size: number): Uint8Array => {
    const whole = (from: number, width: number): Uint8Array => {
      if (width === 1) return leaves[from] as Uint8Array
      const left = 2 ** Math.floor(Math.log2(width - 1))
      return nodeHash(crypto, whole(from, left), whole(from + left, width - left))
    }
    return whole(0, size)
  }
  const checkpoint = () => {
    const root = base64.encode(rootAt(leaves.length))
    return signCheckpoint(crypto, { origin, size: leaves.length, root }, signer)
  }
  return {
    checkpoint,
    size: () => leaves.length,
    truncate(size: number) {
      entries = entries.slice(0, size)
      leaves = leaves.slice(0, size)
    },
    append(draft: EntryDraft) {
      const prev = entries.findLast(({ subject }) => subject === draft.subject)?.id ?? null
      const entry = completeEntry(crypto, draft, prev)
      entries.push(entry)
      leaves.push(leafHash(crypto, canonicalBytes(entry)))
      return leaves.length - 1
    },
    prove(index: number): Proved {
      const hashes = inclusionProof(crypto, read, index, leaves.length)
      const proof = formatProof({ index, hashes, checkpoint: checkpoint() })
      return { entry: entries[index] as Json, proof }
    },
    consistency: (from: number) =>
      consistencyProof(crypto, read, from, leaves.length).map(base64.encode),
  }
}

export type Log = ReturnType<typeof createLog>
