import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ok, refuse } from '@halligan/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Bench, benchIn, note, tempFolder, withLog } from '../test/log-kit.ts'

let root: ReturnType<typeof tempFolder>
let bench: Bench
beforeEach(() => {
  root = tempFolder()
  const data = join(root.folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  bench = benchIn(root.folder, data)
})
afterEach(() => root.remove())

test('INV-1 an answer comes with its entry below a signed checkpoint', () =>
  withLog(bench.options, async ({ writer }) => {
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((name) => writer.submit(note(name))),
    )
    expect(answers).toEqual([ok(0), ok(1), ok(2)])
    expect(writer.frontier().head.size).toBe(3)
  }))

test('INV-22 the same key gets the same answer, in one batch and in the next', () =>
  withLog(bench.options, async ({ writer }) => {
    const both = await Promise.all([writer.submit(note('a')), writer.submit(note('a'))])
    expect(both).toEqual([ok(0), ok(0)])
    expect(await writer.submit(note('a'))).toEqual(ok(0))
    const no = note('no', { run: () => refuse({ code: 'own_request' }) })
    expect(await writer.submit(no)).toMatchObject({ error: { code: 'own_request' } })
    expect(await writer.submit(note('no'))).toMatchObject({
      error: { code: 'own_request' },
    })
    expect(writer.frontier().head.size).toBe(1)
  }))
