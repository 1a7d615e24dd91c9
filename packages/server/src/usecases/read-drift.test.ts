import type { ReceiptDetail } from '@halligan/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  blobOf,
  must,
  newGrant,
  openEstate,
  replica,
  type TestEstate,
  target,
} from '../../test/estate-kit.ts'
import { applied, signReceipt } from '../../test/flow-kit.ts'
import { readDrift } from './read-drift.ts'
import { recordReceipt } from './record-receipt.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
})
afterEach(() => estate.close())

async function drift(what: string, object: string, at = target) {
  const blob = blobOf(`${what} ${object}`)
  const detail: ReceiptDetail = { kind: 'drifted', what, object: blob.commitment }
  const about = { target: at }
  must(await recordReceipt(estate.deps, signReceipt(estate, null, detail, about, [blob])))
}

test('EN-16 what was found is shown with its text and whom it was told to, on the target that it is of', async () => {
  await drift('foreign_login', '"eve"')
  await drift('connector_ready', replica, replica)
  const told = must(readDrift(estate.deps, {}))
  expect(told.targets.map(({ target, entries }) => [target, entries.length])).toEqual([
    [target, 1],
    [replica, 1],
  ])
  expect(told.targets[0]?.entries).toMatchObject([
    { entry: { kind: 'drift', what: 'foreign_login', subject: `target/${target}` } },
  ])
  expect(told.blobs).toMatchObject([
    { text: 'foreign_login "eve"' },
    { text: `connector_ready ${replica}` },
  ])
  const [page, tell] = told.targets.map(({ entries }) => entries[0]?.index)
  expect(told.told).toMatchObject([
    { index: page, urgency: 'page', to: ['bob', 'cy', 'dee'] },
    { index: tell, urgency: 'tell' },
  ])
})

test('P-05 what came too often to be told again is shown, and told to nobody', async () => {
  for (let n = 0; n < 6; n++) await drift('foreign_login', `"eve${n}"`)
  const { targets, told } = must(readDrift(estate.deps, { target }))
  expect(targets).toMatchObject([{ target, entries: { length: 6 } }])
  expect(told.map(({ index }) => index)).toEqual(
    targets[0]?.entries.slice(0, 5).map(({ index }) => index),
  )
})

test('EN-13 a report of a grant that nobody gave is among it', async () => {
  const lie = { orderDigest: null }
  must(await recordReceipt(estate.deps, signReceipt(estate, newGrant(), applied, lie)))
  const { targets, blobs } = must(readDrift(estate.deps, { target }))
  expect(targets[0]?.entries).toMatchObject([{ entry: { what: 'unexplained_applied' } }])
  expect(blobs).toEqual([])
})

test('of many, the latest are shown', async () => {
  for (let n = 0; n < 4; n++) await drift('foreign_login', `"eve${n}"`)
  const { targets, blobs } = must(readDrift(estate.deps, { target, limit: 2 }))
  expect(targets[0]?.entries).toHaveLength(2)
  expect(blobs.map((blob) => ('text' in blob ? blob.text : ''))).toEqual([
    'foreign_login "eve2"',
    'foreign_login "eve3"',
  ])
})

test('a target that nobody has heard of is refused with those that there are', () => {
  expect(readDrift(estate.deps, { target: 'elsewhere' })).toMatchObject({
    ok: false,
    error: { code: 'unknown_target', targets: [target, replica] },
  })
})

test('INV-25 L-01 of very many, those that are not shown are not read', async () => {
  for (let n = 0; n < 4; n++) await drift('foreign_login', `"eve${n}"`)
  const first = must(readDrift(estate.deps, { target })).targets[0]?.entries[0]?.index ?? -1
  const spoil = 'UPDATE entries SET leaf = zeroblob(32) WHERE idx = ?'
  estate.log.store.database().prepare(spoil).run(first)
  const { targets } = must(readDrift(estate.deps, { target, limit: 2 }))
  expect(targets).toMatchObject([{ entries: { length: 2 } }])
})
