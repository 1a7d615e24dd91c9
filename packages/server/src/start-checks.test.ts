import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type GrantEvent, ok } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Bench,
  benchIn,
  keyOf,
  note,
  origin,
  tempBench,
  withLog,
} from '../test/log-kit.ts'
import { draftOf, grantId, wholeStory } from '../test/story.ts'
import type { LogOptions } from './open-log.ts'
import type { Cause } from './safe-mode.ts'
import { projectionTables } from './store/project.ts'
import { openStore } from './store/sqlite.ts'

let root: ReturnType<typeof tempBench>['root']
let data: string
let bench: Bench
beforeEach(() => {
  ;({ root, data, bench } = tempBench())
})
afterEach(() => root.remove())

const database = () => join(data, 'halligan.db')

/** A log with one whole story in it, all of it anchored, closed again. */
const written = () =>
  withLog(bench.options, async ({ writer }) => {
    const g = grantId(1)
    const story = note('story', {
      run(tx, now) {
        for (const event of wholeStory(g, now)) tx.append(draftOf(g, event))
        return ok(tx.head().size)
      },
    })
    await writer.submit(story)
    await writer.anchored(writer.frontier().head.size - 1)
  })

/** Once the log is verified, first or beside its work. */
const causesAtStart = (more: Partial<LogOptions> = {}) =>
  withLog({ ...bench.options, ...more }, async ({ safeMode }) => {
    await expect.poll(() => safeMode.has('log_unverified')).toBe(false)
    return safeMode.causes().map(({ cause }) => cause)
  })

const causesBeforeTheFirstAnswer = () =>
  withLog({ ...bench.options, mostVerifiedFirst: 0 }, async ({ safeMode }) =>
    safeMode.causes().map(({ cause }) => cause),
  )

function tamper(sql: string): void {
  const db = new DatabaseSync(database())
  db.exec(sql)
  db.close()
}

describe('at the start', () => {
  test('INV-15 the last entry before a stop is anchored: a copy from just before it is a rollback', async () => {
    await written()
    const before = readFileSync(database())
    await withLog(bench.options, ({ writer }) =>
      writer.submit(
        note('last', {
          run(tx, now) {
            tx.append(draftOf(grantId(2), wholeStory(grantId(2), now)[0] as GrantEvent))
            return ok(0)
          },
        }),
      ),
    )
    for (const suffix of ['-wal', '-shm']) rmSync(`${database()}${suffix}`, { force: true })
    writeFileSync(database(), before)
    expect(await causesAtStart()).toEqual(['rollback'])
  })

  test('a log that is whole opens without a cause', async () => {
    await written()
    expect(await causesAtStart()).toEqual([])
  })

  test.each<[string, Cause, string]>([
    [
      'AU-01 an entry rewritten',
      'bad_entry',
      "UPDATE entries SET bytes = X'7b7d' WHERE idx = 3",
    ],
    ['AU-01 an entry deleted', 'bad_entry', 'DELETE FROM entries WHERE idx = 3'],
    ['AU-01 all entries deleted', 'bad_entry', 'DELETE FROM entries'],
    [
      'a leaf exchanged',
      'bad_entry',
      'UPDATE entries SET leaf = zeroblob(32) WHERE idx = 2',
    ],
    ['AU-02 the last entries deleted', 'bad_entry', 'DELETE FROM entries WHERE idx > 6'],
    [
      'ST-01 a grant set active again',
      'projection',
      `UPDATE grants SET phase = 'active', state = replace(state, '"closed"', '"active"')`,
    ],
    ['ST-01 a use forgotten', 'projection', 'UPDATE grants SET activated_at = NULL'],
    [
      'ST-07 a log of another origin',
      'wrong_origin',
      "UPDATE head SET origin = 'mallory.test'",
    ],
  ])('%s', async (_, cause, sql) => {
    await written()
    tamper(sql)
    const copy = readFileSync(database())
    expect(await causesAtStart()).toEqual([cause])
    writeFileSync(database(), copy)
    expect(await causesAtStart({ mostVerifiedFirst: 0 })).toEqual([cause])
  })

  test('ST-01 T7 a whole transaction added without the key of the log', async () => {
    await written()
    const store = openStore({ path: database(), crypto: nodeCrypto, origin })
    const at = store.lastAt()
    const applied = {
      ...{ at, kind: 'policy_applied', subject: 'policy', actor: 'cy', cause: 'quorum' },
      bundleDigest: keyOf('lax'),
    }
    store.transact(at, (batch) =>
      batch.attempt((tx) => {
        tx.append(applied)
        return ok(null)
      }),
    )
    store.close()
    expect(await causesAtStart()).toEqual(['bad_entry'])
    expect(await causesBeforeTheFirstAnswer()).toEqual(['bad_entry'])
  })

  test('K-01 what was committed after the anchor was last written opens without a cause', async () => {
    await withLog(bench.options, ({ writer }) => writer.submit(note('anchored')))
    const anchor = readFileSync(bench.options.anchorPath)
    await withLog(bench.options, ({ writer }) => writer.submit(note('later')))
    writeFileSync(bench.options.anchorPath, anchor)
    expect(await causesAtStart()).toEqual([])
  })

  test('AU-02 the last entries cut off and all the rest recomputed is a rollback', async () => {
    await written()
    const rows = dump(database()).entries as { bytes: Uint8Array }[]
    const shorter = join(root.folder, 'shorter.db')
    const store = openStore({ path: shorter, crypto: nodeCrypto, origin })
    store.restore(rows.slice(0, 6).map(({ bytes }) => bytes))
    store.close()
    copyFileSync(shorter, database())
    expect(await causesAtStart()).toEqual(['rollback'])
    expect(await causesBeforeTheFirstAnswer()).toEqual(['rollback'])
  })

  test('S-10 AU-05 INV-13 an older copy of the folder is a rollback, and shows the head it once signed', async () => {
    let once = ''
    await withLog(bench.options, async ({ writer }) => {
      await writer.submit(note('before'))
      once = writer.frontier().checkpoint
    })
    const backup = join(root.folder, 'backup')
    cpSync(data, backup, { recursive: true })
    await written()
    rmSync(data, { recursive: true })
    renameSync(backup, data)
    expect(await causesAtStart()).toEqual(['rollback'])
    expect(await causesBeforeTheFirstAnswer()).toEqual(['rollback'])
    await withLog(bench.options, async ({ writer }) =>
      expect(writer.frontier().checkpoint).toBe(once),
    )
  })

  test('ST-02 what was used stays used: an old store takes no command at all', async () => {
    await withLog(bench.options, ({ writer }) => writer.submit(note('before')))
    copyFileSync(database(), join(root.folder, 'old.db'))
    const use = () =>
      note('use', {
        run(tx, now) {
          tx.useNonce('n', now)
          return note('use').run(tx, now)
        },
      })
    await withLog(bench.options, async ({ writer }) => {
      await writer.submit(use())
      await writer.anchored(1)
    })
    copyFileSync(join(root.folder, 'old.db'), database())
    await withLog(bench.options, async ({ writer }) => {
      expect(await writer.submit(use())).toMatchObject({ error: { code: 'safe_mode' } })
    })
  })

  test('S-05 a flipped byte of the file is seen, unless it changed nothing that is kept', async () => {
    await written()
    const good = readFileSync(database())
    const anchor = readFileSync(bench.options.anchorPath)
    const before = JSON.stringify(dump(database()))
    const seen: string[] = []
    for (let at = 100; at < good.length; at += 4001) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ 1
      writeFileSync(database(), bad)
      const causes = await causesAtStart().catch(() => ['refused to open'])
      if (causes.length > 0) seen.push(...causes)
      else expect(JSON.stringify(dump(database()))).toBe(before)
      writeFileSync(database(), bad)
      const beside = await causesAtStart({ mostVerifiedFirst: 0 }).catch(() => ['refused'])
      expect(beside.length > 0).toBe(causes.length > 0)
      writeFileSync(bench.options.anchorPath, anchor)
    }
    expect(seen).toContain('bad_entry')
  })

  test('a log of the same size with another root is a fork', async () => {
    await written()
    const fork = join(root.folder, 'fork')
    mkdirSync(fork, { mode: 0o700 })
    const path = join(fork, 'halligan.db')
    const { options, time } = benchIn(root.folder, fork)
    time.pass(1)
    const anchorPath = join(root.folder, 'anchor-of-the-fork')
    await withLog({ ...options, anchorPath }, ({ writer }) =>
      writer.submit(
        note('another', {
          run(tx, now) {
            for (const event of wholeStory(grantId(2), now))
              tx.append(draftOf(grantId(2), event))
            return ok(0)
          },
        }),
      ),
    )
    copyFileSync(path, database())
    expect(await causesAtStart()).toEqual(['fork'])
    expect(await causesBeforeTheFirstAnswer()).toEqual(['fork'])
  })

  test('INV-15 a log that the anchor does not lead to, whatever its size and its tables, is a fork before the first answer', async () => {
    const many = (name: string, count: number) =>
      note(name, {
        run(tx, at) {
          for (let n = 0; n < count; n++)
            tx.append({ at, kind: 'noted', subject: 'log', actor: 'system', name, n })
          return ok(0)
        },
      })
    await withLog(bench.options, ({ writer }) => writer.submit(many('both', 256)))
    const fork = join(root.folder, 'fork')
    cpSync(data, fork, { recursive: true })
    const anchorPath = join(root.folder, 'anchor-of-the-fork')
    copyFileSync(bench.options.anchorPath, anchorPath)
    await withLog(bench.options, ({ writer }) => writer.submit(many('mine', 44)))
    const mine = dump(database()).entries as Row[]
    const { options } = benchIn(root.folder, fork)
    await withLog({ ...options, anchorPath }, ({ writer }) =>
      writer.submit(many('theirs', 744)),
    )
    copyFileSync(join(fork, 'halligan.db'), database())
    // The root of 300 is the anchor's, by a tile and the leaves after it, and that of 1000 is by its tiles: they do not meet.
    const db = new DatabaseSync(database())
    const write = db.prepare('UPDATE entries SET bytes = ?, leaf = ? WHERE idx = ?')
    for (const { idx, bytes, leaf } of mine) if (idx >= 256) write.run(bytes, leaf, idx)
    db.close()
    expect(await causesBeforeTheFirstAnswer()).toEqual(['fork'])
  })

  test('INV-13 a head that contradicts the anchor is never signed', async () => {
    await written()
    const signed = readFileSync(bench.options.anchorPath, 'utf8')
    tamper('DELETE FROM entries WHERE idx > 6')
    await withLog(bench.options, async ({ writer }) =>
      expect(writer.frontier().checkpoint).toBe(signed),
    )
  })

  test('an anchor that is gone is no contradiction: it clears itself when it is back', async () => {
    await written()
    renameSync(bench.options.anchorPath, `${bench.options.anchorPath}.away`)
    await withLog(bench.options, async ({ safeMode, writer }) => {
      expect(safeMode.causes()).toMatchObject([{ cause: 'anchor_unreachable' }])
      expect(await writer.submit(note('a'))).toMatchObject({ error: { code: 'safe_mode' } })
      renameSync(`${bench.options.anchorPath}.away`, bench.options.anchorPath)
      bench.timers.fire()
      await expect.poll(() => safeMode.causes()).toEqual([])
      expect((await writer.submit(note('a'))).ok).toBe(true)
    })
  })
})

test('S-05 the patrol finds an entry that changed while the log was in use', async () => {
  await written()
  await withLog(bench.options, async ({ store, safeMode, writer }) => {
    store.database().exec("UPDATE entries SET bytes = X'7b7d' WHERE idx = 3")
    expect(() => store.view().entries(2, 1)).toThrow('does not hash to its leaf')
    bench.timers.fire()
    await expect.poll(() => safeMode.causes()).toMatchObject([{ cause: 'bad_entry' }])
    expect(await writer.submit(note('a'))).toMatchObject({ error: { code: 'safe_mode' } })
  })
})

type Row = Readonly<{ idx: number; bytes: Uint8Array; leaf: Uint8Array }>

/** The log and its projections, as rows. */
function dump(path: string): Record<string, unknown[]> {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = ['entries', 'tiles', 'head', ...projectionTables]
    return Object.fromEntries(
      tables.map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()]),
    )
  } finally {
    db.close()
  }
}
