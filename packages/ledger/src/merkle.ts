/**
 * The Merkle tree of RFC 6962 section 2.1: hashing, growing, proving, verifying.
 *
 * Leaves and nodes are hashed under different prefixes, so no leaf can pass for a node (AU-14). Indexes and
 * sizes are safe integers; all arithmetic avoids 32-bit operators.
 *
 * @module
 */
import { concat, sameBytes } from './bytes.ts'
import type { Crypto } from './crypto.ts'

/**
 * Hash of the complete subtree over leaves [index * 2^level, (index + 1) * 2^level). Called only for subtrees
 * that are complete in the tree asked about. Throws when it has none.
 */
export type NodeReader = (level: number, index: number) => Uint8Array

/** A tree of `size` leaves, as the roots of its complete subtrees, the largest first. */
export type Range = Readonly<{ size: number; hashes: readonly Uint8Array[] }>

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

export const leafHash = (crypto: Crypto, leaf: Uint8Array): Uint8Array =>
  crypto.sha256(concat(leafPrefix, leaf))

export const nodeHash = (crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array =>
  crypto.sha256(concat(nodePrefix, left, right))

export const emptyRange: Range = { size: 0, hashes: [] }

/** `onNode` is told every complete subtree that this leaf completes, the leaf itself at level 0 first. */
export function appendLeaf(
  crypto: Crypto,
  range: Range,
  hash: Uint8Array,
  onNode?: (level: number, index: number, hash: Uint8Array) => void,
): Range {
  const hashes = [...range.hashes]
  let node = hash
  let index = range.size
  onNode?.(0, index, node)
  for (let level = 1; isOdd(index); level++) {
    node = nodeHash(crypto, hashes.pop() as Uint8Array, node)
    index = half(index)
    onNode?.(level, index, node)
  }
  hashes.push(node)
  return { size: range.size + 1, hashes }
}

/** The root of an empty tree is the hash of nothing. */
export function rootOf(crypto: Crypto, { hashes }: Range): Uint8Array {
  if (hashes.length === 0) return crypto.sha256(new Uint8Array())
  return hashes.reduceRight((right, left) => nodeHash(crypto, left, right))
}

/** From the leaf's sibling up. Throws unless 0 <= index < size. */
export function inclusionProof(
  crypto: Crypto,
  read: NodeReader,
  index: number,
  size: number,
): readonly Uint8Array[] {
  if (!isCount(index) || !isCount(size) || index >= size)
    throw new Error(`no leaf ${index} in a tree of ${size}`)
  const proof: Uint8Array[] = []
  let [start, width] = [0, size]
  while (width > 1) {
    const left = splitOf(width)
    const goesLeft = index < start + left
    proof.push(
      goesLeft
        ? subtree(crypto, read, start + left, width - left)
        : subtree(crypto, read, start, left),
    )
    if (!goesLeft) start += left
    width = goesLeft ? left : width - left
  }
  return proof.reverse()
}

/** RFC 6962 section 2.1.2. Empty for `from` 0 or equal to `to`. Throws unless 0 <= from <= to. */
export function consistencyProof(
  crypto: Crypto,
  read: NodeReader,
  from: number,
  to: number,
): readonly Uint8Array[] {
  if (!isCount(from) || !isCount(to) || from > to)
    throw new Error(`a tree of ${to} does not extend one of ${from}`)
  if (from === 0 || from === to) return []
  const proof: Uint8Array[] = []
  let [start, width, whole] = [0, to, true]
  while (from - start < width) {
    const left = splitOf(width)
    if (from - start <= left) {
      proof.push(subtree(crypto, read, start + left, width - left))
      width = left
    } else {
      proof.push(subtree(crypto, read, start, left))
      start += left
      width -= left
      whole = false
    }
  }
  if (!whole) proof.push(subtree(crypto, read, start, width))
  return proof.reverse()
}

/** RFC 9162 section 2.1.3.2. False for anything malformed. */
export function verifyInclusion(
  crypto: Crypto,
  proof: readonly Uint8Array[],
  index: number,
  size: number,
  leaf: Uint8Array,
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  let [node, last, hash] = [index, size - 1, leaf]
  for (const sibling of proof) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = nodeHash(crypto, sibling, hash)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      hash = nodeHash(crypto, hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && sameBytes(hash, root)
}

/** RFC 9162 section 2.1.4.2. False for anything malformed, and for a tree that shrinks. */
export function verifyConsistency(
  crypto: Crypto,
  proof: readonly Uint8Array[],
  from: number,
  to: number,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false
  if (from === to) return proof.length === 0 && sameBytes(fromRoot, toRoot)
  if (from === 0) return proof.length === 0 && sameBytes(fromRoot, emptyRoot(crypto))
  const path = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) return false
  let [node, last, old, now] = [from - 1, to - 1, first, first]
  while (isOdd(node)) {
    node = half(node)
    last = half(last)
  }
  for (const sibling of rest) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      old = nodeHash(crypto, sibling, old)
      now = nodeHash(crypto, sibling, now)
      while (!isOdd(node) && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      now = nodeHash(crypto, now, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && sameBytes(old, fromRoot) && sameBytes(now, toRoot)
}

/** Root over leaves [start, start + width), where `start` is a multiple of the power of two >= width. */
function subtree(
  crypto: Crypto,
  read: NodeReader,
  start: number,
  width: number,
): Uint8Array {
  if (isPowerOfTwo(width)) return read(Math.log2(width), start / width)
  const left = splitOf(width)
  return nodeHash(
    crypto,
    subtree(crypto, read, start, left),
    subtree(crypto, read, start + left, width - left),
  )
}

/** The largest power of two below `width`, which is at least 2. */
function splitOf(width: number): number {
  let split = 1
  while (split * 2 < width) split *= 2
  return split
}

const emptyRoot = (crypto: Crypto) => rootOf(crypto, emptyRange)
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isOdd = (n: number): boolean => n % 2 === 1
const half = (n: number): number => Math.floor(n / 2)

function isPowerOfTwo(n: number): boolean {
  let power = 1
  while (power < n) power *= 2
  return power === n
}
