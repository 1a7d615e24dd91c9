import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Digest, GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { advance, type Hold, type HoldEvent, unheld } from '../state.ts'
import { openBooks } from './sqlite.ts'

const grant = `g-${'a'.repeat(26)}` as GrantId
const at = 1_000 as Instant

/** Every step of a grant's life, from the order to the cleaned target. */
const life: readonly HoldEvent[] = [
  {
    kind: 'accepted',
    order: {
      orderDigest: `sha256:${'7'.repeat(64)}` as Digest,
      orderIndex: 7,
      overlapKey: 'payments-pg/role:payments_repair',
      privileges: ['role:payments_repair'],
      sealTo: { kty: 'OKP', crv: 'X25519', x: 'ada' },
      applyBefore: at,
      notAfter: at,
      requester: 'ada' as PrincipalId,
      approvers: [],
    },
    bound: {
      bootId: 'first',
      bootAtAccept: 0,
      wallAtAccept: at,
      remainingMillis: 60_000,
      notAfter: at,
    },
    before: '["what stood before"]',
  },
  { kind: 'applying' },
  { kind: 'applied', revealId: 'r' },
  { kind: 'ending', cause: 'deadline', at, about: null },
  { kind: 'end_asked' },
  { kind: 'absent', at, probes: [] },
  { kind: 'compared', after: '["what stood after"]' },
  { kind: 'cleaned' },
]

let dir: string
let path: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'halligan-snapshots-'))
  path = join(dir, 'enforcer.db')
})
afterEach(() => rm(dir, { recursive: true }))

const open = () => openBooks(path, new Uint8Array(32))

const after = (hold: Hold, event: HoldEvent): Hold => {
  const next = advance(hold, event)
  if (!next.ok) throw new Error(next.error.code)
  return next.value
}

const texts = (): readonly unknown[] => {
  const db = new DatabaseSync(path, { readOnly: true })
  const rows = db.prepare('SELECT text FROM texts ORDER BY id').all()
  db.close()
  return rows.map(({ text }) => text)
}

test('K-08 a restart after any step finds the hold whole, snapshots included', () => {
  let hold = unheld(grant, 'payments-pg')
  for (const event of life) {
    hold = after(hold, event)
    const books = open()
    books.keepHold(hold)
    books.close()
    const again = open()
    expect(again.hold(grant, 'payments-pg')).toEqual(hold)
    expect(again.unfinished()).toEqual(event.kind === 'cleaned' ? [] : [hold])
    again.close()
  }
})

test('each snapshot is on disk once while it is needed, and not after', () => {
  let hold = unheld(grant, 'payments-pg')
  const onDisk = life.map((event) => {
    hold = after(hold, event)
    const books = open()
    books.keepHold(hold)
    books.close()
    return texts().length
  })
  expect(onDisk).toEqual([1, 1, 1, 1, 1, 1, 2, 0])
})

test('grants that begin from one state of a target share its snapshot, until the last is cleaned', () => {
  const other = `g-${'b'.repeat(26)}` as GrantId
  const keep = (hold: Hold): number => {
    const books = open()
    books.keepHold(hold)
    const { length } = books.unfinished()
    books.close()
    expect(length).toBeLessThanOrEqual(2)
    return texts().length
  }
  const lived = (id: GrantId, steps: number): Hold =>
    life.slice(0, steps).reduce(after, unheld(id, 'payments-pg'))
  expect([keep(lived(grant, 3)), keep(lived(other, 3))]).toEqual([1, 1])
  expect([keep(lived(grant, 7)), keep(lived(other, 7))]).toEqual([2, 2])
  expect(keep(lived(grant, 8))).toBe(2)
  const books = open()
  expect(books.hold(other, 'payments-pg')).toEqual(lived(other, 7))
  books.close()
  expect(keep(lived(other, 8))).toBe(0)
})

test('a write that is rolled back leaves hold and snapshot as they were', () => {
  const [accepted] = life
  if (accepted === undefined) throw new Error('no life')
  const books = open()
  expect(() =>
    books.atomically(() => {
      books.keepHold(after(unheld(grant, 'payments-pg'), accepted))
      throw new Error('power')
    }),
  ).toThrow('power')
  expect(books.hold(grant, 'payments-pg').phase).toBe('none')
  books.close()
  expect(texts()).toEqual([])
})

test('INV-8 writes of one moment are all durable when any is told, or none has happened', async () => {
  const books = open()
  const told: number[] = []
  const writes = [1, 2, 3].map((index) =>
    books
      .together(() => books.raiseFence(`x-${index}`, index))
      .then(() => told.push(books.fence('x-3') ?? 0)),
  )
  expect(books.fence('x-1')).toBe(null)
  await Promise.all(writes)
  expect(told).toEqual([3, 3, 3])
  const failing = [
    books.together(() => books.raiseFence('y', 1)),
    books.together(() => {
      throw new Error('corrupt hold')
    }),
  ]
  const ends = await Promise.allSettled(failing)
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(books.fence('y')).toBe(null)
  books.close()
})
