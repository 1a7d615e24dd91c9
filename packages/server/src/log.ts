import type { Json } from '@halligan/core'
import {
  base64,
  type Crypto,
  consistencyProof,
  formatProof,
  inclusionProof,
  type NodeReader,
} from '@halligan/ledger'
import type { Store, Writer } from './store/port.ts'

/** An entry and the `tlog-proof` text that puts it under the checkpoint of the frontier. */
export type Proved = Readonly<{ entry: Json; proof: string }>

export interface Log {
  /** Against the frontier's checkpoint. Throws unless `index` is below it: nothing above it may leave. */
  proveEntry(index: number): Proved
  /**
   * For the many proofs of one answer, all against the checkpoint of the frontier as it is now. What they share is read and
   * hashed once: neighbours in the log share almost everything. Throws as `proveEntry` does.
   */
  proofs(): (index: number) => string
  /** base64 hashes, from tree size `from` to `to`. Throws unless from <= to <= frontier. */
  proveConsistency(from: number, to: number): readonly string[]
}

export function createLog(
  crypto: Crypto,
  store: Store,
  writer: Pick<Writer, 'frontier'>,
): Log {
  const proofs = () => {
    const { head, checkpoint } = writer.frontier()
    const node = remembering(store.node)
    return (index: number) => {
      const hashes = inclusionProof(crypto, node, index, head.size)
      return formatProof({ index, hashes, checkpoint })
    }
  }
  return {
    proofs,
    proveEntry(index) {
      const proof = proofs()(index)
      const placed = store.view().entries(index - 1, 1)[0]
      if (placed?.index !== index) throw new Error(`no entry ${index}`)
      return { entry: placed.entry, proof }
    },
    proveConsistency(from, to) {
      const { size } = writer.frontier().head
      if (to > size) throw new Error(`${to} is above the frontier, ${size}`)
      return consistencyProof(crypto, store.node, from, to).map(base64.encode)
    },
  }
}

/** Not for longer than one answer: what is on the disk is to be found, also when it changed. */
function remembering(read: NodeReader): NodeReader {
  const levels: Map<number, Uint8Array>[] = []
  return (level, index) => {
    levels[level] ??= new Map()
    const known = levels[level].get(index)
    if (known !== undefined) return known
    const hash = read(level, index)
    levels[level].set(index, hash)
    return hash
  }
}
