/**
 * Proofs of inclusion as text (C2SP tlog-proof): index, path and checkpoint in one.
 *
 * @module
 */
import { base64 } from './base64.ts'
import { parseCount } from './checkpoint.ts'

/** `hashes` run from the leaf's sibling to the root's child; `checkpoint` is the signed note, verbatim. */
export type TlogProof = Readonly<{
  index: number
  hashes: readonly Uint8Array[]
  checkpoint: string
}>

const header = 'c2sp.org/tlog-proof@v1'
/** A tree of 2^53 leaves is no deeper. */
const maxHashes = 53

export function formatProof({ index, hashes, checkpoint }: TlogProof): string {
  const path = hashes.map((hash) => `${base64.encode(hash)}\n`).join('')
  return `${header}\nindex ${index}\n${path}\n${checkpoint}`
}

/**
 * Null for anything that {@link formatProof} could not have written, `extra` lines included: nothing
 * authenticates them. The checkpoint inside is still to be opened.
 */
export function parseProof(text: string): TlogProof | null {
  const blank = text.indexOf('\n\n')
  if (blank < 0) return null
  const [first, indexLine, ...path] = text.slice(0, blank).split('\n')
  if (first !== header || !indexLine?.startsWith('index ')) return null
  const index = parseCount(indexLine.slice('index '.length))
  if (index === null || path.length > maxHashes) return null
  const hashes: Uint8Array[] = []
  for (const line of path) {
    const hash = base64.decode(line)
    if (hash?.length !== 32) return null
    hashes.push(hash)
  }
  return { index, hashes, checkpoint: text.slice(blank + 2) }
}
