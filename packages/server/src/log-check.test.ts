import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ok } from '@halligan/core'
import { payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareWithReplay } from '../test/compare-with-replay.ts'
import { diskWithFullScratch } from '../test/full-scratch.ts'
import { type Bench, logSigner, note, tempBench, withLog } from '../test/log-kit.ts'
import { draftOf, grantId, wholeStory } from '../test/story.ts'
import { byTurns } from '../test/turns.ts'
import type { RunningLog } from './open-log.ts'
import type { Cause } from './safe-mode.ts'

let root: ReturnType<typeof tempBench>['root']
let data: string
let bench: Bench
let loop: ReturnType<typeof byTurns>
beforeEach(async () => {
  ;({ root, data, bench } = tempBench())
  loop = byTurns(bench)
  await written()
})
afterEach(() => root.remove())

const stories = 40
const entries = stories * 12

/** A log of forty whole stories, all of it anchored, closed again. */
const written = () =>
  withLog(bench.options, async ({ writer }) => {
    await writer.submit(
      note('stories', {
        run(tx, now) {
          for (let n = 0; n < stories; n++)
            for (const event of wholeStory(grantId(n), now, 2 * n))
              tx.append(draftOf(grantId(n), event))
          return ok(tx.head().size)
        },
      }),
    )
    await writer.anchored(writer.frontier().head.size - 1)
  })

/** Opens the log as one that is too long to be verified first. */
const opened = (work: (log: RunningLog) => Promise<void>, more = {}) =>
  withLog({ ...loop.options, mostVerifiedFirst: 8, ...more }, work)

const causesOf = ({ safeMode }: RunningLog) => safeMode.causes().map(({ cause }) => cause)
const isUnverified = (log: RunningLog) => log.safeMode.has('log_unverified')
const refusedWith = (code: string) => ({ ok: false, error: { code } })

const endNamed = (name: string) =>
  note(name, {
    ending: true,
    journal: {
      kind: 'act',
      envelope: sealEnvelope(payloadTypes.act, { verb: 'revoke', name }, logSigner),
    },
  })

function tamper(sql: string): void {
  const db = new DatabaseSync(join(data, 'halligan.db'))
  db.exec(sql)
  db.close()
}

test('L-02 INV-18 a long log takes ends at once, opens nothing until it is verified, and says so', () =>
  opened(async (log) => {
    expect(causesOf(log)).toEqual(['log_unverified'])
    expect(await loop.turning(log.writer.submit(note('opening')))).toMatchObject({
      error: {
        code: 'safe_mode',
        causes: ['log_unverified'],
        detail: /entries are verified/,
      },
    })
    expect(await loop.turning(log.writer.submit(endNamed('end')))).toMatchObject({
      ok: true,
    })
    expect(isUnverified(log)).toBe(true)
    loop.until(() => !isUnverified(log))
    expect(causesOf(log)).toEqual([])
    expect(await loop.turning(log.writer.submit(note('opening')))).toMatchObject({
      ok: true,
    })
    const told = log.store.view().entriesOf('log')
    expect(told.map(({ entry }) => [entry.kind, entry.cause ?? entry.name])).toEqual([
      ['safe_mode_entered', 'log_unverified'],
      ['noted', 'end'],
      ['safe_mode_left', 'log_unverified'],
      ['noted', 'opening'],
    ])
  }))

test('L-02 how far it is, and about how long it takes', () =>
  opened(async (log) => {
    expect(log.check.progress()).toMatchObject({ verified: 0, entries, secondsLeft: null })
    loop.until(() => (log.check.progress()?.verified ?? 0) >= entries / 2)
    bench.time.pass(60_000)
    loop.turn()
    const progress = log.check.progress()
    expect(progress?.secondsLeft).toBeGreaterThan(30)
    expect(progress?.secondsLeft).toBeLessThan(120)
    expect(progress?.detail).toContain(
      `of ${progress?.entries} entries are verified, about`,
    )
    loop.until(() => !isUnverified(log))
    expect(log.check.progress()).toBeNull()
  }))

test('a log that is short is verified before anything is answered', () =>
  withLog({ ...loop.options, mostVerifiedFirst: entries }, async (log) =>
    expect(causesOf(log)).toEqual([]),
  ))

const swapped = `
  CREATE TEMP TABLE pair AS SELECT idx, leaf, bytes FROM entries WHERE idx IN (130, 200);
  UPDATE entries SET leaf = (SELECT leaf FROM pair WHERE pair.idx = 330 - entries.idx),
    bytes = (SELECT bytes FROM pair WHERE pair.idx = 330 - entries.idx) WHERE idx IN (130, 200)`

describe('T7 what was changed is found after the start, for good, and nothing opens in between', () => {
  test.each<[string, Cause, string]>([
    [
      'INV-15 AU-01 an entry rewritten',
      'bad_entry',
      "UPDATE entries SET bytes = X'7b7d' WHERE idx = 300",
    ],
    [
      'INV-15 one byte of an entry',
      'bad_entry',
      `UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '"requested"', '"Requested"') AS BLOB)
        WHERE idx = 240`,
    ],
    ['INV-15 two entries swapped', 'bad_entry', swapped],
    ['INV-15 an entry deleted', 'bad_entry', 'DELETE FROM entries WHERE idx = 100'],
    [
      'INV-15 a tile that no entry makes',
      'bad_entry',
      'INSERT INTO tiles VALUES (8, 7, zeroblob(32))',
    ],
    [
      'INV-14 ST-01 a grant set active again',
      'projection',
      `UPDATE grants SET phase = 'active', state = replace(state, '"closed"', '"active"')
        WHERE id = '${grantId(39)}'`,
    ],
    [
      'INV-14 ST-01 a grant that nobody asked for',
      'projection',
      `INSERT INTO grants SELECT 'g-zzz', 9999, phase, requester, entitlement, system, drill, activated_at,
        review_open, review_overdue, state FROM grants LIMIT 1`,
    ],
    [
      'INV-14 a grant forgotten',
      'projection',
      `DELETE FROM grants WHERE id = '${grantId(20)}'`,
    ],
    ['INV-14 a receipt forgotten', 'projection', 'DELETE FROM receipts'],
    ['INV-14 work made due', 'projection', "INSERT INTO due VALUES ('overdue', 'g-a', 1)"],
    [
      'INV-14 the place of an act',
      'projection',
      "INSERT INTO acts VALUES ('sha256:no', 3)",
    ],
  ])('%s', async (_, cause, sql) => {
    tamper(sql)
    await opened(async (log) => {
      expect(causesOf(log)).toEqual(['log_unverified'])
      let turns = 0
      while (isUnverified(log)) {
        const opening = log.writer.submit(note(`opening ${turns++}`))
        loop.turn()
        expect(await opening).toMatchObject(refusedWith('safe_mode'))
      }
      expect(turns).toBeGreaterThan(1)
      expect(causesOf(log)).toEqual([cause])
      const answers = [note('opening'), endNamed('end')].map((one) =>
        log.writer.submit(one),
      )
      expect(await loop.turning(Promise.all(answers))).toMatchObject([
        refusedWith('safe_mode'),
        refusedWith('journalled'),
      ])
      expect(log.safeMode.contradicted()).toBe(true)
    })
  })

  test('INV-14 a row changed while the check is under way, ahead of it', () =>
    opened(async (log) => {
      loop.until(() => log.check.progress()?.verified === log.check.progress()?.entries)
      log.store.database().exec('UPDATE grants SET activated_at = NULL')
      loop.until(() => !isUnverified(log))
      expect(causesOf(log)).toEqual(['projection'])
    }))
})

describe('the store under the check', () => {
  test('S-02 is opened anew: the check begins anew, and what changed behind it is found', () =>
    opened(async (log) => {
      loop.until(() => (log.check.progress()?.verified ?? 0) > 200)
      log.store.database().exec("UPDATE entries SET bytes = X'7b7d' WHERE idx = 10")
      log.store.reopen()
      loop.turn()
      expect(log.check.progress()).toMatchObject({ verified: 0 })
      loop.until(() => !isUnverified(log))
      expect(causesOf(log)).toEqual(['bad_entry'])
    }))

  test('S-01 fails and is opened anew: a log that is whole is verified all the same', () =>
    opened(async (log) => {
      loop.until(() => (log.check.progress()?.verified ?? 0) > 200)
      log.store.database().exec('PRAGMA query_only = ON')
      await loop.turning(log.writer.submit(endNamed('lost')))
      expect(causesOf(log)).toContain('log_unverified')
      expect(await loop.turning(log.writer.submit(endNamed('kept')))).toMatchObject({
        ok: true,
      })
      loop.until(() => !isUnverified(log))
      expect(causesOf(log)).toEqual([])
    }))

  test('S-01 cannot be opened for a while: a check that is due waits for it', () =>
    withLog(loop.options, async (log) => {
      const away = `${data}.away`
      renameSync(data, away)
      expect(() => log.store.reopen()).toThrow()
      loop.fire()
      loop.turn()
      renameSync(away, data)
      log.store.reopen()
      log.store.database().exec('UPDATE grants SET activated_at = NULL')
      loop.fire()
      loop.until(() => log.safeMode.contradicted())
      expect(causesOf(log)).toEqual(['projection'])
    }))

  test('S-01 has no room to make the tables anew: nothing is called a contradiction, and it is tried again', () => {
    let isFull = true
    const disk = diskWithFullScratch(50, () => isFull)
    return opened(
      async (log) => {
        loop.until(() => /no room/.test(log.check.progress()?.detail ?? ''))
        expect(causesOf(log)).toEqual(['log_unverified'])
        isFull = false
        loop.fire()
        loop.until(() => !isUnverified(log))
        expect(causesOf(log)).toEqual([])
      },
      { disk },
    )
  })
})

test('S-05 INV-14 the patrol makes the tables anew beside the log in use', () =>
  withLog(loop.options, async (log) => {
    log.store.database().exec('UPDATE grants SET activated_at = NULL')
    loop.fire()
    loop.until(() => log.safeMode.contradicted())
    expect(causesOf(log)).toEqual(['projection'])
  }))

test('L-02 INV-14 many ends between any two steps raise no false alarm', () =>
  opened(async (log) => {
    const ended: Promise<unknown>[] = []
    for (let n = 0; isUnverified(log); n++) {
      if (n < 100)
        for (const name of 'abcdefghij')
          ended.push(
            log.writer.submit(
              note(`${name}${n}`, {
                ending: true,
                run(tx, now) {
                  const id = grantId(1000 + 10 * n + name.charCodeAt(0) - 97)
                  const [asked] = wholeStory(id, now)
                  if (asked !== undefined) tx.append(draftOf(id, asked))
                  return ok(0)
                },
              }),
            ),
          )
      loop.turn()
    }
    expect(causesOf(log)).toEqual([])
    expect(ended.length).toBeGreaterThan(100)
    expect(await Promise.all(ended)).toEqual(ended.map(() => ok(0)))
    expect(log.store.view().head().size).toBeGreaterThan(entries + ended.length)
    expect(compareWithReplay(log.store.database(), nodeCrypto)).toBeNull()
  }))
