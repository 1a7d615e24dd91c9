import type { Json } from '@halligan/core'
import {
  base64,
  type Crypto,
  consistencyProof,
  formatProof,
  inclusionProof,
} from '@halligan/ledger'
import type { Store, Writer } from './store/port.ts'

/** An entry and the `tlog-proof` text that puts it under the checkpoint of the frontier. */
export type Proved = Readonly<{ entry: Json; proof: string }>

export interface Log {
  /** Against the frontier's checkpoint. Throws unless `index` is below it: nothing above it may leave. */
  proveEntry(index: number): Proved
  /** base64 hashes, from tree size `from` to `to`. Throws unless from <= to <= frontier. */
  proveConsistency(from: number, to: number): readonly string[]
}

export function createLog(
  crypto: Crypto,
  store: Store,
  writer: Pick<Writer, 'frontier'>,
): Log {
  return {
    proveEntry(index) {
      const { head, checkpoint } = writer.frontier()
      const hashes = inclusionProof(crypto, store.node, index, head.size)
      const placed = store.view().entries(index - 1, 1)[0]
      if (placed?.index !== index) throw new Error(`no entry ${index}`)
      return { entry: placed.entry, proof: formatProof({ index, hashes, checkpoint }) }
    },
    proveConsistency(from, to) {
      const { size } = writer.frontier().head
      if (to > size) throw new Error(`${to} is above the frontier, ${size}`)
      return consistencyProof(crypto, store.node, from, to).map(base64.encode)
    },
  }
}
