import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { note, tempBench, withLog } from '../test/log-kit.ts'
import { createLog } from './log.ts'

let at: ReturnType<typeof tempBench>
beforeEach(() => {
  at = tempBench()
})
afterEach(() => at.root.remove())

test('L-01 INV-25 the proofs of one answer read each hash of the tree once, and are those of each by itself', () =>
  withLog(at.bench.options, async ({ writer, store, proveEntry }) => {
    const indexes = Array.from({ length: 300 }, (_, n) => n)
    await Promise.all(indexes.map((n) => writer.submit(note(`n${n}`))))
    const read: string[] = []
    const node = (level: number, index: number) => {
      read.push(`${level}/${index}`)
      return store.node(level, index)
    }
    const log = createLog(nodeCrypto, { ...store, node }, writer)
    const proofs = indexes.map(log.proofs())
    expect(read).toHaveLength(new Set(read).size)
    // A tree of 300 leaves has no more full subtrees than that.
    expect(read.length).toBeLessThan(600)
    expect(proofs).toEqual(indexes.map((index) => proveEntry(index).proof))
    expect(() => log.proofs()(300)).toThrow('no leaf 300')
  }))
