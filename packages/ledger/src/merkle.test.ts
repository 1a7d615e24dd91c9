import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { base64, hex } from './base64.ts'
import { sameBytes, utf8 } from './bytes.ts'
import {
  appendLeaf,
  consistencyProof,
  emptyRange,
  inclusionProof,
  leafHash,
  nodeHash,
  type Range,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
import { nodeCrypto as crypto } from './node.ts'

/** A tree that remembers every complete subtree, and the root of every size it had. */
function grow(leaves: readonly Uint8Array[]) {
  const nodes = new Map<string, Uint8Array>()
  const ranges: Range[] = [emptyRange]
  for (const leaf of leaves)
    ranges.push(
      appendLeaf(
        crypto,
        ranges.at(-1) as Range,
        leafHash(crypto, leaf),
        (level, i, hash) => {
          nodes.set(`${level}/${i}`, hash)
        },
      ),
    )
  const read = (level: number, i: number) => {
    const node = nodes.get(`${level}/${i}`)
    if (node === undefined) throw new Error(`no complete subtree ${level}/${i}`)
    return node
  }
  return { read, leaves, roots: ranges.map((range) => rootOf(crypto, range)) }
}

type Tree = ReturnType<typeof grow>

const isIn = (tree: Tree, proof: readonly Uint8Array[], index: number, size: number) =>
  verifyInclusion(
    crypto,
    proof,
    index,
    size,
    leafHash(crypto, tree.leaves[index] as Uint8Array),
    tree.roots[size] as Uint8Array,
  )

const extend = (tree: Tree, proof: readonly Uint8Array[], from: number, to: number) =>
  verifyConsistency(
    crypto,
    proof,
    from,
    to,
    tree.roots[from] as Uint8Array,
    tree.roots[to] as Uint8Array,
  )

const bytes = (text: string) => hex.decode(text) as Uint8Array
const hexes = (proof: readonly Uint8Array[]) => proof.map((hash) => hex.encode(hash))

/** The tree of the reference implementation of RFC 6962. */
const reference = grow(
  [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ].map(bytes),
)
const left2 = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'
const left4 = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'
const leaf1 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
const pair1 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
const right4 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
const leaf4 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
const pair3 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
const pair2 = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'

describe('RFC 6962', () => {
  test('the roots of the reference tree', () => {
    expect(hexes(reference.roots)).toEqual([
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      left2,
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      left4,
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ])
  })

  test.each([
    [0, 8, [leaf1, pair1, right4]],
    [5, 8, [leaf4, pair3, left4]],
    [2, 3, [left2]],
    [0, 1, []],
  ])('the inclusion proof of leaf %i of %i', (index, size, expected) => {
    expect(hexes(inclusionProof(crypto, reference.read, index, size))).toEqual(expected)
  })

  test.each([
    [1, 8, [leaf1, pair1, right4]],
    [6, 8, [pair2, pair3, left4]],
    [2, 5, [pair1, leaf4]],
    [8, 8, []],
    [0, 8, []],
  ])('the consistency proof from %i to %i', (from, to, expected) => {
    expect(hexes(consistencyProof(crypto, reference.read, from, to))).toEqual(expected)
  })
})

const tree = grow(Array.from({ length: 70 }, (_, i) => utf8(`leaf ${i}`)))

describe('a proof', () => {
  test('of inclusion holds for every leaf of every size, and for no other place', () => {
    for (let size = 1; size <= 70; size++)
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(crypto, tree.read, index, size)
        expect(isIn(tree, proof, index, size)).toBe(true)
        if (index + 1 < size) expect(isIn(tree, proof, index + 1, size)).toBe(false)
      }
  })

  test('of consistency holds between all sizes, and shows that nothing was rewritten', () => {
    const forked = grow([utf8('another'), ...tree.leaves.slice(1)])
    for (let to = 1; to <= 70; to++)
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(crypto, tree.read, from, to)
        expect(extend(tree, proof, from, to)).toBe(true)
        if (from === 0) continue
        const [old, now] = [forked.roots[from] as Uint8Array, tree.roots[to] as Uint8Array]
        expect(verifyConsistency(crypto, proof, from, to, old, now)).toBe(false)
      }
  })

  test('AU-11 binds one leaf: changed, cut or longer, it fails', () => {
    const place = fc
      .integer({ min: 2, max: 70 })
      .chain((size) => fc.tuple(fc.nat({ max: size - 1 }), fc.constant(size)))
    fc.assert(
      fc.property(place, fc.nat(), fc.nat({ max: 255 }), ([index, size], where, bit) => {
        const proof = inclusionProof(crypto, tree.read, index, size)
        const at = where % proof.length
        const bent = proof.map((hash, i) => {
          if (i !== at) return hash
          const copy = Uint8Array.from(hash)
          copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          return copy
        })
        expect(isIn(tree, bent, index, size)).toBe(false)
        expect(isIn(tree, proof.slice(1), index, size)).toBe(false)
        expect(isIn(tree, [...proof, utf8('x'.repeat(32))], index, size)).toBe(false)
      }),
    )
  })

  test('AU-14 a leaf cannot pass for a node, nor a node for a leaf', () => {
    const [a, b] = [utf8('a'), utf8('b')].map((leaf) => leafHash(crypto, leaf))
    const node = nodeHash(crypto, a as Uint8Array, b as Uint8Array)
    const posing = Buffer.concat([a as Uint8Array, b as Uint8Array])
    expect(sameBytes(leafHash(crypto, posing), node)).toBe(false)
    expect(sameBytes(leafHash(crypto, Buffer.concat([Buffer.of(1), posing])), node)).toBe(
      false,
    )
  })

  it('refuses places that do not exist', () => {
    for (const [index, size] of [
      [-1, 4],
      [4, 4],
      [0, 0],
      [0.5, 4],
      [Number.NaN, 4],
    ] as const) {
      expect(() => inclusionProof(crypto, tree.read, index, size)).toThrow()
      const root = tree.roots[4] as Uint8Array
      expect(verifyInclusion(crypto, [], index, size, root, root)).toBe(false)
    }
    expect(() => consistencyProof(crypto, tree.read, 5, 4)).toThrow()
    expect(extend(tree, [], 5, 4)).toBe(false)
  })

  it('INV-13 takes an older tree for no newer one', () => {
    expect(extend(tree, consistencyProof(crypto, tree.read, 40, 60), 40, 59)).toBe(false)
    expect(extend(tree, [base64.decode('AAAA') as Uint8Array], 40, 60)).toBe(false)
  })
})
