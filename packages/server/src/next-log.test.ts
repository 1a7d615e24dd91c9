import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Instant, Roster } from '@halligan/core'
import {
  base64,
  openCheckpoint,
  payloadTypes,
  sealEnvelope,
  verifyConsistency,
  vkeyOf,
} from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Bench, logSigner, note, origin, tempBench, withLog } from '../test/log-kit.ts'
import { startNextLog } from './next-log.ts'

let root: ReturnType<typeof tempBench>['root']
let data: string
let bench: Bench
beforeEach(() => {
  ;({ root, data, bench } = tempBench())
})
afterEach(() => root.remove())

const nextOrigin = `${origin}/e2`
const nextSigner = signerFromSeed(new Uint8Array(32).fill(9))

/** What the trustees sign: the old origin closed at (size, root), the next one open from there. */
const rosterClosing = (toSize: number, toRoot: string): Roster => ({
  estate: 'example',
  version: 2,
  prevDigest: null,
  trustees: [],
  threshold: 1,
  logs: [
    {
      origin,
      vkey: vkeyOf(nodeCrypto, origin, logSigner.publicKey),
      fromSize: 0,
      toSize,
      toRoot,
    },
    {
      origin: nextOrigin,
      vkey: vkeyOf(nodeCrypto, nextOrigin, nextSigner.publicKey),
      fromSize: toSize,
    },
  ],
  issuers: [],
  people: [],
  approverGroups: {},
  enforcers: [],
})

/** Rolls the store back to two entries after three were anchored, and journals one end. */
async function rolledBack() {
  const old = join(root.folder, 'old.db')
  await withLog(bench.options, async ({ writer }) => {
    await writer.submit(note('a'))
    await writer.submit(note('b'))
  })
  copyFileSync(join(data, 'halligan.db'), old)
  const highest = await withLog(bench.options, async ({ writer }) => {
    await writer.submit(note('c'))
    await writer.anchored(2)
    return writer.frontier().checkpoint
  })
  copyFileSync(old, join(data, 'halligan.db'))
  const envelope = sealEnvelope(payloadTypes.act, { verb: 'revoke' }, logSigner)
  const ending = { ending: true, journal: { kind: 'act', envelope } } as const
  return withLog(bench.options, async ({ writer, journal, safeMode }) => {
    await writer.submit(note('end', ending))
    expect(safeMode.causes()).toMatchObject([{ cause: 'rollback' }])
    return { highest, head: writer.frontier().head, lines: journal.lines() }
  })
}

const optionsFor = (roster: Roster, highestCheckpoint: string) => ({
  folder: data,
  anchorPath: bench.options.anchorPath,
  crypto: nodeCrypto,
  signer: nextSigner,
  now: bench.time.clock.now(),
  roster,
  rosterEnvelope: sealEnvelope(payloadTypes.roster, { version: 2 }, logSigner),
  highestCheckpoint,
})

test('SAFE MODE is left by a roster that closes the old origin and opens the next', async () => {
  const { highest, head, lines } = await rolledBack()
  const roster = rosterClosing(head.size, head.root)
  const started = await startNextLog({ ...optionsFor(roster, highest), journals: lines })
  expect(started).toEqual({ ok: true, value: { size: 5 } })

  const next = { ...bench.options, origin: nextOrigin, signer: nextSigner }
  await withLog(next, async ({ writer, store, safeMode, proveConsistency }) => {
    expect(safeMode.causes()).toEqual([])
    const kinds = store
      .view()
      .entries(-1, 9)
      .map(({ entry }) => entry.kind)
    expect(kinds).toEqual([
      'noted',
      'noted',
      'roster_accepted',
      'log_continued',
      'journal_imported',
    ])
    // The new origin extends the old tree: whoever holds the closing checkpoint can see it.
    const now = writer.frontier()
    const raw = (text: string) => base64.decode(text) ?? new Uint8Array()
    const proof = proveConsistency(head.size, now.head.size).map(raw)
    const [from, to] = [raw(head.root), raw(now.head.root)]
    expect(verifyConsistency(nodeCrypto, proof, head.size, now.head.size, from, to)).toBe(
      true,
    )
    expect(openCheckpoint(nodeCrypto, now.checkpoint, roster.logs).ok).toBe(true)
    // The roster closed the old origin before `c`: its signed note is no log of ours any more.
    expect(openCheckpoint(nodeCrypto, highest, roster.logs).ok).toBe(false)
    expect((await writer.submit(note('a'))).ok).toBe(true)
    expect(writer.frontier().head.size).toBe(5)
    // `c` was acknowledged by the closed log and is not in this one.
    expect(await writer.submit(note('c'))).toEqual({ ok: true, value: 5 })
  })
  expect(readdirSync(data)).toContain('halligan.db.closed-2')
  expect(existsSync(join(data, 'journal.jsonl.closed-2'))).toBe(true)
})

test('a head that is not here is no head to go on from', async () => {
  const { highest, head } = await rolledBack()
  const attempt = (size: number, rootHash: string) =>
    startNextLog({ ...optionsFor(rosterClosing(size, rootHash), highest), journals: [] })
  expect(await attempt(3, head.root)).toMatchObject({
    error: { code: 'entries_missing', found: 2, needed: 3 },
  })
  expect(await attempt(1, head.root)).toMatchObject({ error: { code: 'other_root' } })
  const open = {
    ...rosterClosing(2, head.root),
    logs: rosterClosing(2, head.root).logs.slice(1),
  }
  expect(await startNextLog({ ...optionsFor(open, highest), journals: [] })).toMatchObject({
    error: { code: 'log_not_closed' },
  })
  // The old log is untouched by what was refused, and still in SAFE MODE.
  await withLog(bench.options, async ({ safeMode }) => {
    expect(safeMode.contradicted()).toBe(true)
  })
})

test('it can be called again after a kill at any of its steps', async () => {
  const { highest, head } = await rolledBack()
  const options = {
    ...optionsFor(rosterClosing(head.size, head.root), highest),
    journals: [],
  }
  await startNextLog(options)
  // As if killed after the old file was renamed and before the new one was put in its place.
  const { unlinkSync } = await import('node:fs')
  unlinkSync(join(data, 'halligan.db'))
  const later = { ...options, now: (options.now + 1) as Instant }
  expect(await startNextLog(later)).toMatchObject({ ok: true })
  const next = { ...bench.options, origin: nextOrigin, signer: nextSigner }
  await withLog(next, async ({ safeMode }) => expect(safeMode.causes()).toEqual([]))
})
