import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ok } from '@halligan/core'
import { payloadTypes, sealEnvelope } from '@halligan/ledger'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Bench, logSigner, note, tempBench, withLog } from '../test/log-kit.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { openJournal } from './journal.ts'
import { openLog } from './open-log.ts'
import { StorageFailed } from './store/port.ts'

let root: ReturnType<typeof tempBench>['root']
let data: string
let bench: Bench
beforeEach(() => {
  ;({ root, data, bench } = tempBench())
})
afterEach(() => root.remove())

const endingOf = (nonce: string) => {
  const envelope = sealEnvelope(payloadTypes.act, { verb: 'revoke', nonce }, logSigner)
  return { ending: true, journal: { kind: 'act', envelope } } as const
}
const ending = endingOf('one')
const refusedWith = (code: string) => ({ ok: false, error: { code } })

type Failing = (
  db: ReturnType<Awaited<ReturnType<typeof openLog>>['store']['database']>,
) => void

/** SQLite itself refuses to grow: a real SQLITE_FULL. Reopening takes the limit away, as freed space would. */
const fill: Failing = (db) => {
  const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count)
  db.exec(`PRAGMA max_page_count = ${pages}`)
}

describe.each<[string, Failing]>([
  ['S-01 AU-07 a full disk', fill],
  ['S-07 a read-only disk', (db) => db.exec('PRAGMA query_only = ON')],
])('%s', (_, fail) => {
  test('refuses what opens, answers what is known, and recovers without help', () =>
    withLog(bench.options, async (log) => {
      const { writer, safeMode } = log
      expect(await writer.submit(note('before'))).toEqual(ok(0))
      fail(log.store.database())
      const long = (name: string) =>
        note(name, {
          run(tx, at) {
            const padding = 'x'.repeat(15_000)
            const draft = { at, kind: 'noted', subject: 'log', actor: 'system', padding }
            return ok(tx.append(draft).index)
          },
        })
      const batch = [long('a'), long('b'), note('before')]
      const answers = await Promise.all(batch.map((command) => writer.submit(command)))
      expect(answers).toMatchObject([
        refusedWith('outcome_unknown'),
        refusedWith('outcome_unknown'),
        ok(0),
      ])
      expect(safeMode.has('unknown_commit')).toBe(true)
      expect(await writer.submit(note('c'))).toMatchObject(refusedWith('safe_mode'))
      expect((await writer.submit(note('end', ending))).ok).toBe(true)
      expect(safeMode.causes()).toEqual([])
      expect((await writer.submit(long('a'))).ok).toBe(true)
      await expect.poll(() => log.store.view().entriesOf('log').length).toBe(5)
      const kinds = log.store
        .view()
        .entriesOf('log')
        .map(({ entry }) => entry.kind)
      expect(kinds).toContain('safe_mode_entered')
      expect(kinds).toContain('safe_mode_left')
    }))
})

test('S-02 a disk that keeps what it calls lost: one entry of SAFE MODE a second, not one a commit', () => {
  let failing = false
  const disk: Disk = {
    ...nodeDisk,
    openStore(options) {
      const store = nodeDisk.openStore(options)
      return {
        ...store,
        transact(now, work) {
          const value = store.transact(now, work)
          if (failing) throw new StorageFailed('disk I/O error')
          return value
        },
      }
    },
  }
  return withLog({ ...bench.options, disk }, async ({ writer, store }) => {
    const entered = () =>
      store
        .view()
        .entriesOf('log')
        .filter(({ entry }) => entry.kind === 'safe_mode_entered').length
    failing = true
    for (const name of ['a', 'b', 'c', 'd']) await writer.submit(note(name, endingOf(name)))
    expect(store.view().head().size).toBe(4)
    expect(entered()).toBe(0)
    bench.timers.fire()
    await expect.poll(entered).toBe(1)
    for (const name of ['e', 'f']) await writer.submit(note(name, endingOf(name)))
    expect(entered()).toBe(1)
  })
})

test('CF-11 a key that cannot sign: nothing is acknowledged, and all of it is once it can', () => {
  let down = false
  const signer = {
    ...logSigner,
    sign(message: Uint8Array) {
      if (down) throw new Error('the key store is away')
      return logSigner.sign(message)
    },
  }
  return withLog({ ...bench.options, signer }, async ({ writer, safeMode }) => {
    await writer.submit(note('a'))
    down = true
    expect(await writer.submit(note('b'))).toMatchObject(refusedWith('outcome_unknown'))
    expect(await writer.submit(note('c'))).toMatchObject(refusedWith('safe_mode'))
    // An end is committed all the same, and is known once it can be signed.
    expect(await writer.submit(note('end', ending))).toMatchObject(
      refusedWith('outcome_unknown'),
    )
    expect(writer.frontier().head.size).toBe(1)
    down = false
    expect((await writer.submit(note('end', ending))).ok).toBe(true)
    expect(safeMode.causes()).toEqual([])
    // It was committed all along; its key finds it.
    expect(await writer.submit(note('b'))).toEqual(ok(1))
  })
})

describe('the clock', () => {
  test.each<[string, (time: Bench['time']) => void, (time: Bench['time']) => void]>([
    ['TM-02 ten years ahead', (time) => time.jump(3e11), (time) => time.jump(-3e11)],
    ['an hour back', (time) => time.jump(-3_600_000), (time) => time.jump(3_600_000)],
    ['T-05 frozen', (time) => time.freeze(120_000), (time) => time.jump(120_000)],
  ])('%s: nothing is opened, ending goes on, and it clears itself', (_, wrong, right) =>
    withLog(bench.options, async ({ writer, safeMode, store }) => {
      await writer.submit(note('a'))
      const before = store.lastAt()
      wrong(bench.time)
      expect(await writer.submit(note('b'))).toMatchObject(refusedWith('clock_unsafe'))
      expect((await writer.submit(note('end', ending))).ok).toBe(true)
      // Stamped with the time that has passed, not with the time the clock claims.
      expect(store.lastAt() - before).toBeLessThanOrEqual(120_000)
      right(bench.time)
      await expect
        .poll(async () => {
          writer.check()
          return safeMode.causes()
        })
        .toEqual([])
      expect((await writer.submit(note('b'))).ok).toBe(true)
      expect(
        store
          .view()
          .entriesOf('log')
          .map(({ entry }) => entry.kind),
      ).toContain('safe_mode_left')
    }),
  )

  test('TM-02 a used nonce stays used however far the clock jumps', () =>
    withLog(bench.options, async ({ writer }) => {
      const use = (name: string) =>
        note(name, {
          ending: true,
          key: null,
          run: (tx, now) => ok(Number(tx.useNonce('n', now))),
        })
      expect(await writer.submit(use('first'))).toEqual(ok(1))
      bench.time.jump(3e11)
      expect(await writer.submit(use('again'))).toEqual(ok(0))
    }))

  test('TM-07 a clock that was put back before a restart does not take the log back', async () => {
    await withLog(bench.options, ({ writer }) => writer.submit(note('a')))
    bench.time.jump(-3_600_000)
    await withLog(bench.options, async ({ writer, clock, store }) => {
      expect(await writer.submit(note('b'))).toMatchObject(refusedWith('clock_unsafe'))
      expect(clock.now()).toBeGreaterThanOrEqual(store.lastAt())
    })
  })
})

describe('the files under an open store', () => {
  test.each<[string, () => void]>([
    ['the database unlinked', () => unlinkSync(join(data, 'halligan.db'))],
    ['the WAL unlinked', () => unlinkSync(join(data, 'halligan.db-wal'))],
    [
      'the database replaced by a copy of itself',
      () => {
        const path = join(data, 'halligan.db')
        copyFileSync(path, `${path}.copy`)
        renameSync(`${path}.copy`, path)
      },
    ],
  ])('S-13 %s: nothing more is acknowledged', (_, hurt) =>
    withLog(bench.options, async ({ writer, safeMode }) => {
      await writer.submit(note('a'))
      hurt()
      expect(await writer.submit(note('b'))).toMatchObject(refusedWith('safe_mode'))
      expect(safeMode.causes()).toMatchObject([{ cause: 'store_replaced' }])
    }),
  )
})

describe('while signed evidence is contradicted', () => {
  const contradicted = (
    work: (log: Awaited<ReturnType<typeof openLog>>) => Promise<void>,
  ) =>
    withLog(bench.options, async (log) => {
      await log.writer.submit(note('a'))
      log.safeMode.enter('fork', 'for this test')
      await work(log)
    })

  test('INV-15 nothing is appended, and what ends goes to the journal', () =>
    contradicted(async ({ writer, journal, store }) => {
      expect(await writer.submit(note('open'))).toMatchObject(refusedWith('safe_mode'))
      const first = await writer.submit(note('end', ending))
      const second = await writer.submit(note('another end', endingOf('two')))
      expect([first, second]).toMatchObject([
        { error: { code: 'journalled', seq: 0 } },
        { error: { code: 'journalled', seq: 1 } },
      ])
      expect(journal.lines()).toHaveLength(2)
      expect(store.view().head().size).toBe(1)
    }))

  test('S-01 INV-18 a disk that takes no line of the journal refuses the end, and kills nobody', () =>
    withLog(bench.options, async ({ writer, safeMode, journal }) => {
      safeMode.enter('fork', 'as if')
      const full = vi.spyOn(journal, 'append').mockImplementation(() => {
        writeFileSync('/dev/full', 'x')
        return 0
      })
      const end = () => writer.submit(note('end', ending))
      expect(await end()).toMatchObject(refusedWith('outcome_unknown'))
      full.mockRestore()
      expect(await end()).toMatchObject(refusedWith('journalled'))
    }))

  test('INV-22 the same end, however often it is sent, is one line of the journal', async () => {
    const send = () =>
      contradicted(async ({ writer, journal }) => {
        for (const name of ['end', 'end', 'end'])
          expect(await writer.submit(note(name, ending))).toMatchObject({
            error: { code: 'journalled', seq: 0 },
          })
        expect(journal.lines()).toHaveLength(1)
      })
    await send()
    await send()
  })

  test('the anchor is left as it is', () =>
    contradicted(async ({ writer }) => {
      await expect(writer.anchored(0)).rejects.toThrow()
    }))

  test('the journal is chained: a line taken out or changed is noticed', async () => {
    await contradicted(async ({ writer }) => {
      for (const name of ['x', 'y', 'z']) await writer.submit(note(name, endingOf(name)))
    })
    const path = join(data, 'journal.jsonl')
    const { origin, crypto, signer } = bench.options
    const open = () => openJournal({ path, origin, crypto, signer }).close()
    const good = readFileSync(path, 'utf8')
    const [one, two, three] = good.split('\n')
    const without = [one, three, ''].join('\n')
    const changed = [one, two?.replace('"sig":"', '"sig":"A'), three, ''].join('\n')
    for (const bad of [without, changed]) {
      writeFileSync(path, bad)
      expect(open).toThrow('corrupt journal')
    }
    // A line torn by a crash was never acknowledged.
    writeFileSync(path, `${good}{"payload":`)
    open()
    expect(readFileSync(path, 'utf8')).toBe(good)
  })
})

test('S-11 a copy of the folder that runs beside the original is noticed at the anchor', async () => {
  await withLog(bench.options, ({ writer }) => writer.submit(note('shared')))
  const copy = join(root.folder, 'copy')
  mkdirSync(copy, { mode: 0o700 })
  copyFileSync(join(data, 'halligan.db'), join(copy, 'halligan.db'))
  const clone = { ...bench.options, folder: copy }
  await withLog(bench.options, (original) =>
    withLog(clone, async (cloned) => {
      await original.writer.submit(note('a'))
      await original.writer.anchored(1)
      await cloned.writer.submit(note('b'))
      await expect(cloned.writer.anchored(1)).rejects.toThrow()
      expect(cloned.safeMode.causes()).toMatchObject([{ cause: 'fork' }])
    }),
  )
})

test('S-11 the same folder opened twice is refused', async () => {
  await withLog(bench.options, async () => {
    await expect(openLog(bench.options)).rejects.toThrow('to myself')
  })
  expect(existsSync(bench.options.anchorPath)).toBe(true)
})
