import type { GrantId } from '@halligan/core'
import { expect, test } from 'vitest'
import { createHost, grantNamed } from '../test/host.ts'
import { accept, pass as passLoop, receipts, run } from '../test/run.ts'
import { pass, sync, type World, world } from '../test/world.ts'
import { obey } from './local-commands.ts'
import { isTold, mostInMinute, plainReason } from './struggle.ts'

const ada = grantNamed('a')

const struggles = (it: World) =>
  it.estate.receipts.flatMap(({ detail }) =>
    detail.kind === 'struggling' ? [[detail.work, detail.attempts] as const] : [],
  )

async function downAtTheEnd(): Promise<World> {
  const it = await world()
  it.estate.grant(ada)
  await sync(it)
  it.host.target.down = true
  it.estate.ends.push({ order: it.estate.end(ada) })
  await sync(it)
  return it
}

test('Q-04 tried without end and told at every doubling, with the reason; never dropped', async () => {
  const it = await downAtTheEnd()
  await pass(it, 3_600_000 / 4)
  expect(struggles(it)).toEqual([
    ['end', 2],
    ['end', 4],
    ['end', 8],
    ['end', 16],
    ['end', 32],
    ['end', 64],
  ])
  const told = it.estate.deliveries.filter(
    (_, i) => it.estate.receipts[i]?.detail.kind === 'struggling',
  )
  for (const { blobs } of told)
    expect(blobs).toMatchObject([{ text: 'connection refused' }])
  it.host.target.down = false
  await pass(it, 15_500)
  expect(it.host.books.unfinished()).toEqual([])
})

test('INV-25 a hundred grants on one dead target tell of sixty a minute, and each is told in the end', async () => {
  const host = createHost()
  const site = host.boot()
  const grants = Array.from(
    { length: 100 },
    (_, i) => grantNamed('a').slice(0, -2).concat(digits(i)) as GrantId,
  )
  for (const grant of grants) accept(site, grant)
  const { loop, broken } = run(site)
  await passLoop(host, loop, 2000)
  host.target.down = true
  const told = () =>
    receipts(host.books).filter(({ detail }) => detail.kind === 'struggling')
  await passLoop(host, loop, 30_000)
  expect(told()).toHaveLength(mostInMinute)
  await passLoop(host, loop, 3_600_000)
  expect(new Set(told().map(({ grant }) => grant)).size).toBe(100)
  expect(broken).toEqual([])
})

const digits = (i: number) =>
  [i / 26, i % 26].map((n) => 'abcdefghijklmnopqrstuvwxyz'.charAt(n)).join('')

test('status counts each try, says what the last one said, and when the next one is', async () => {
  const it = await downAtTheEnd()
  await pass(it, 20_000)
  const status = await obey(it.site, it.daemon.due, { command: 'status' })
  const tries = it.host.notes.filter(({ what }) => what === 'end_again').length
  expect(status).toMatchObject({
    value: {
      holds: [
        {
          grant: ada,
          phase: 'ending',
          absent: null,
          trying: { work: 'end', attempts: tries, lastError: 'connection refused' },
        },
      ],
    },
  })
  expect(tries).toBeGreaterThan(5)
  it.host.target.down = false
  it.host.target.refusesCleanup = true
  await pass(it, 20_000)
  const later = await obey(it.site, it.daemon.due, { command: 'status' })
  expect(later).toMatchObject({
    value: {
      holds: [
        {
          phase: 'absent',
          absent: { probes: [{ probe: 'login', absent: true }, { probe: 'sessions' }] },
          trying: { work: 'clean', lastError: 'the login owns objects' },
        },
      ],
    },
  })
})

test('a restart counts anew, and says since when', async () => {
  const it = await downAtTheEnd()
  await pass(it, 10_000)
  await it.daemon.stop()
  const { boot } = await import('../test/world.ts')
  const again = { ...it, ...(await boot(it.host, it.estate)) }
  await pass(again, 500)
  const status = await obey(again.site, again.daemon.due, { command: 'status' })
  expect(JSON.stringify(status)).toMatch(/"attempts":[12],/)
})

test.each([
  [1, false],
  [2, true],
  [3, false],
  [4, true],
  [6, false],
  [1024, true],
])('attempt %i is told: %s', (attempts, expected) => {
  expect(isTold(attempts)).toBe(expected)
})

test.each([
  ['postgres://ada:hunter2@db/payments refused', 'postgres://…@db/payments refused'],
  ['password=hunter2 is wrong', 'password=… is wrong'],
  ["IDENTIFIED BY 'hunter2'", "IDENTIFIED BY '…"],
  ['SCRAM-SHA-256$4096:abc$def:ghi', 'SCRAM-SHA-256…'],
  ['AGE-SECRET-KEY-1QQQ', 'AGE-SECRET-KEY-1…'],
  ['one\ntwo\r\n\u2028three\u0000', 'one two three'],
])('%j loses what must not be told', (why, expected) => {
  expect(plainReason(why)).toBe(expected)
})

test('a reason is short, however long the target makes it', () => {
  expect(plainReason('x'.repeat(1_000_000)).length).toBeLessThanOrEqual(500)
})
