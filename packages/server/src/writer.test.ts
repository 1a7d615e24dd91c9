import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ok, refuse } from '@halligan/core'
import { openNote, payloadTypes, sealEnvelope, vkeyOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareWithReplay } from '../test/compare-with-replay.ts'
import {
  type Bench,
  benchIn,
  keyOf,
  logSigner,
  note,
  origin,
  tempFolder,
  withLog,
} from '../test/log-kit.ts'
import { activated, approved, asked, draftOf, grantId } from '../test/story.ts'
import { checkLog } from './store/check-log.ts'
import type { Command } from './store/port.ts'

let root: ReturnType<typeof tempFolder>
let bench: Bench
beforeEach(() => {
  root = tempFolder()
  const data = join(root.folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  bench = benchIn(root.folder, data)
})
afterEach(() => root.remove())

type Any = Command<number, { readonly code: string }>
const names = (n: number) => Array.from({ length: n }, (_, i) => `n${i}`)

describe('an answer', () => {
  test('INV-1 INV-2 comes only with its entry below a signed, durable checkpoint', () =>
    withLog(bench.options, async ({ writer, store }) => {
      const sizes = names(70).map(async (name) => {
        const answer = await writer.submit(note(name))
        const { head, checkpoint } = writer.frontier()
        const vkey = vkeyOf(nodeCrypto, origin, logSigner.publicKey)
        expect(openNote(nodeCrypto, checkpoint, [vkey]).ok).toBe(true)
        if (!answer.ok) throw new Error(answer.error.code)
        expect(head.size).toBeGreaterThan(answer.value)
        return head.size
      })
      // The cap of 64 makes two batches of 70 commands, and so two checkpoints.
      expect(new Set(await Promise.all(sizes))).toEqual(new Set([64, 70]))
      expect(store.view().head()).toEqual(writer.frontier().head)
    }))

  test('INV-13 the head is stored before its signature is made', () => {
    const signed: number[] = []
    let stored = () => 0
    const signer = {
      ...logSigner,
      sign(message: Uint8Array) {
        signed.push(stored())
        return logSigner.sign(message)
      },
    }
    return withLog({ ...bench.options, signer }, async ({ writer, store }) => {
      stored = () => {
        const db = store.database()
        expect(db.isTransaction).toBe(false)
        return Number(db.prepare('SELECT size FROM head').get()?.size)
      }
      await writer.submit(note('a'))
      await writer.submit(note('b'))
      expect(signed.slice(-2)).toEqual([1, 2])
    })
  })
})

describe('INV-22 the same key', () => {
  test('K-02 gets the same answer, in one batch, in the next, and after a restart', async () => {
    await withLog(bench.options, async ({ writer }) => {
      const both = await Promise.all([writer.submit(note('a')), writer.submit(note('a'))])
      expect(both).toEqual([ok(0), ok(0)])
      expect(await writer.submit(note('a'))).toEqual(ok(0))
    })
    await withLog(bench.options, async ({ writer }) => {
      expect(await writer.submit(note('a'))).toEqual(ok(0))
      expect(writer.frontier().head.size).toBe(1)
    })
  })

  test('gets the same refusal, recorded once', () =>
    withLog(bench.options, async ({ writer }) => {
      const refused = note('no', {
        run: () => refuse({ code: 'own_request' }),
        onRefusal(tx, { code }, at) {
          tx.append({ at, kind: 'refused', subject: 'principal/ada', actor: 'ada', code })
        },
      })
      const no = { ok: false, error: { code: 'own_request' } }
      expect(await writer.submit(refused)).toEqual(no)
      // Even when the world has changed so that it would be accepted.
      expect(await writer.submit(note('no'))).toEqual(no)
      expect(writer.frontier().head.size).toBe(1)
    }))

  test('is not taken by a refusal that says "try again"', () =>
    withLog(bench.options, async ({ writer }) => {
      const stale = {
        transient: ['facts_stale'],
        run: () => refuse({ code: 'facts_stale' }),
      }
      await writer.submit(note('later', stale))
      expect(await writer.submit(note('later'))).toEqual(ok(0))
    }))

  test('K-01 is not taken by a command that never ran', async () => {
    await withLog(bench.options, async ({ writer }) => {
      const lost = writer.submit(note('a'))
      writer.close()
      expect(await lost).toEqual(refuse({ code: 'outcome_unknown' }))
    })
    await withLog(bench.options, async ({ writer }) => {
      expect(await writer.submit(note('a'))).toEqual(ok(0))
    })
  })
})

test('ST-05 a command that throws harms no other in its batch', () =>
  withLog(bench.options, async ({ writer, store }) => {
    const poison: Any = note('poison', {
      run(tx, at) {
        tx.append({ at, kind: 'noted', subject: 'log', actor: 'system' })
        throw new Error('poison')
      },
    })
    const answers = await Promise.allSettled(
      [note('a'), poison, note('b')].map((command) => writer.submit(command)),
    )
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(writer.frontier().head.size).toBe(2)
    expect(compareWithReplay(store.database(), nodeCrypto)).toBeNull()
    // Its key is free: the poison may have been in the program, which can be mended.
    expect(await writer.submit(note('poison'))).toEqual(ok(2))
  }))

test('an entry over 16 KiB is refused and leaves nothing', () =>
  withLog(bench.options, async ({ writer }) => {
    const long: Any = note('long', {
      run(tx, at) {
        const padding = 'x'.repeat(16 * 1024)
        return ok(
          tx.append({ at, kind: 'noted', subject: 'log', actor: 'system', padding }).index,
        )
      },
    })
    const error = { code: 'entry_too_large', limit: 16_384 }
    expect(await writer.submit(long)).toMatchObject({ ok: false, error })
    expect(writer.frontier().head.size).toBe(0)
  }))

test('K-05 a decision, its orders and its review are one transaction: all or none', () =>
  withLog(bench.options, async ({ writer, store }) => {
    const g = grantId(3)
    const activation = (upTo: number): Any => ({
      name: 'activate',
      key: keyOf('activate'),
      run(tx, now) {
        const events = [...asked(g, now), ...approved(g, now), ...activated(g, now)]
        for (const event of events.slice(0, upTo)) tx.append(draftOf(g, event))
        if (upTo < events.length) throw new Error('killed between decision and order')
        return ok(tx.head().size)
      },
    })
    await expect(writer.submit(activation(5))).rejects.toThrow('killed')
    expect(store.view().grant(g)).toBeNull()
    expect(store.view().nextDue()).toBeNull()
    expect((await writer.submit(activation(7))).ok).toBe(true)
    expect(store.view().grant(g)).toMatchObject({ phase: 'active' })
    expect(store.view().unsettledAt('enf-payments')).toHaveLength(1)
  }))

test('the frontier tells its listeners once per batch', () =>
  withLog(bench.options, async ({ writer }) => {
    const told: number[] = []
    const stop = writer.onFrontier((size) => told.push(size))
    await Promise.all(names(3).map((name) => writer.submit(note(name))))
    await writer.submit(note('n4'))
    stop()
    await writer.submit(note('n5'))
    expect(told).toEqual([3, 4])
  }))

test('an order waits for the anchor: nothing above the frontier is ever anchored', () =>
  withLog(bench.options, async ({ writer }) => {
    await writer.submit(note('a'))
    await writer.anchored(0)
    await expect(writer.anchored(1)).rejects.toThrow('cannot be anchored')
  }))

test('K-05 what a killed server committed and did not anchor is anchored by the next, unasked', async () => {
  await withLog(bench.options, ({ writer }) => writer.submit(note('order')))
  await withLog(bench.options, ({ writer }) => writer.anchored(0))
})

test('ST-08 no key of the log is in any of its files', () =>
  withLog(bench.options, async ({ writer, journal, clock, store }) => {
    const envelope = sealEnvelope(payloadTypes.act, { verb: 'revoke' }, logSigner)
    journal.append({ kind: 'act', envelope }, clock.now())
    await Promise.all(names(20).map((name) => writer.submit(note(name))))
    expect(checkLog(store, null)).toBeNull()
    const { readdirSync, readFileSync } = await import('node:fs')
    const seed = Buffer.alloc(32, 7)
    for (const file of readdirSync(bench.options.folder)) {
      const bytes = readFileSync(join(bench.options.folder, file))
      for (const spelling of [seed, seed.toString('hex'), seed.toString('base64url')])
        expect([file, bytes.includes(spelling)]).toEqual([file, false])
    }
  }))
