import type { GrantId } from '@halligan/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must, openEstate, type TestEstate } from '../../test/estate-kit.ts'
import {
  absent,
  activeGrant,
  declareIncident,
  entriesOf,
  kindsOf,
  report,
  signReceipt,
  workOff,
} from '../../test/flow-kit.ts'
import { enterMany, seedCopies } from '../../test/mass-expiry.ts'
import { gaugesText, readGauges, statusOf } from '../http/metrics.ts'
import { recordReceipt } from './record-receipt.ts'
import { runDueWork } from './run-due-work.ts'
import { createEndsLooks } from './watch-ends.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(() => estate.close())

const pass = async (seconds: number) => {
  estate.time.pass(seconds * 1000)
  await workOff(estate)
}

const prove = async (grants: readonly GrantId[]) => {
  for (const grant of grants) {
    must(await report(estate, grant, { kind: 'ending', cause: 'local_root' }))
    must(await report(estate, grant, absent))
  }
}

const whole = () => ({
  ...estate.deps,
  safeMode: { causes: () => [] },
  check: { progress: () => null },
})
const gauges = () => readGauges(whole())
const backlog = () => statusOf(whole()).ends
const toldOf = (kind: string) => estate.told.filter((notice) => notice.kind === kind)

test('L-01 what has ended and is not proven is counted, with the rate and when the last will be', async () => {
  const grants = await enterMany(estate, 6)
  expect(backlog()).toEqual({ endsOpen: 0, provenPerMinute: 0, etaSeconds: null })
  estate.time.pass(60_000)
  // Due is open already, whether or not it was entered.
  expect(backlog().endsOpen).toBe(6)
  await workOff(estate)
  expect(backlog()).toEqual({ endsOpen: 6, provenPerMinute: 0, etaSeconds: null })
  expect(gaugesText(gauges())).toContain('\nhalligan_ends_eta_seconds +Inf\n')
  await pass(10)
  await prove(grants.slice(0, 2))
  await pass(10)
  expect(backlog()).toEqual({ endsOpen: 4, provenPerMinute: 6, etaSeconds: 40 })
  expect(gaugesText(gauges())).toContain('\nhalligan_ends_open 4\n')
  expect(gaugesText(gauges())).toContain('\nhalligan_ends_eta_seconds 40\n')
  await prove(grants)
  expect(backlog()).toMatchObject({ endsOpen: 0, etaSeconds: null })
  expect(gaugesText(gauges())).toContain('\nhalligan_ends_eta_seconds 0\n')
})

test('a receipt that is delivered twice proves nothing twice', async () => {
  const [one] = await enterMany(estate, 2)
  if (one === undefined) throw new Error('no grant')
  await pass(60)
  must(await report(estate, one, { kind: 'ending', cause: 'local_root' }))
  const receipt = signReceipt(estate, one, absent)
  must(await recordReceipt(estate.deps, receipt))
  must(await recordReceipt(estate.deps, receipt))
  expect(estate.deps.ends.read(1, estate.deps.clock.now() / 1000).provenPerMinute).toBe(60)
})

test('L-01 security is woken once while the last end comes too late, and told once that it is over', async () => {
  const grants = await enterMany(estate, 8)
  await pass(60)
  await pass(30)
  await prove(grants.slice(0, 2))
  await pass(5)
  // Two in 35 s: six more take 105 s.
  const [page] = toldOf('ends_late')
  expect(page?.payload).toMatchObject({ urgency: 'page', endsOpen: 6, etaSeconds: 105 })
  const people = new Set(toldOf('ends_late').map(({ payload }) => payload.to))
  expect(toldOf('ends_late')).toHaveLength(people.size)
  for (let second = 0; second < 60; second += 5) await pass(5)
  expect(toldOf('ends_late')).toHaveLength(people.size)
  expect(toldOf('ends_in_time')).toHaveLength(0)
  await prove(grants)
  await pass(5)
  await pass(60)
  expect(toldOf('ends_in_time').map(({ payload }) => payload)).toMatchObject(
    [...people].map((to) => ({ to, urgency: 'tell', endsOpen: 0 })),
  )
})

test('L-01 that it is over is not the last word where it is late anew', async () => {
  const grants = await enterMany(estate, 8)
  await pass(60)
  await pass(60)
  const people = toldOf('ends_late').length
  expect(people).toBeGreaterThan(0)
  await prove(grants)
  await pass(5)
  expect(toldOf('ends_in_time')).toHaveLength(people)
  await enterMany(estate, 3, 8)
  for (let seconds = 0; seconds < 300; seconds += 10) await pass(10)
  expect(toldOf('ends_late')).toHaveLength(people)
  for (let seconds = 0; seconds < 300; seconds += 10) await pass(10)
  expect(toldOf('ends_late')).toHaveLength(2 * people)
})

test('L-01 a later backlog that is late is told of while an old end is stuck, as soon as it may be', async () => {
  await enterMany(estate, 1)
  await pass(60)
  await pass(60)
  const people = toldOf('ends_late').length
  expect(people).toBeGreaterThan(0)
  await enterMany(estate, 20, 1)
  for (let seconds = 0; seconds < 300; seconds += 10) await pass(10)
  expect(toldOf('ends_late')).toHaveLength(people)
  for (let seconds = 0; seconds < 3600; seconds += 10) await pass(10)
  expect(toldOf('ends_late').map(({ payload }) => payload.endsOpen)).toEqual([
    ...Array.from({ length: people }, () => 1),
    ...Array.from({ length: people }, () => 21),
  ])
  expect(toldOf('ends_in_time')).toHaveLength(0)
})

test('a server that starts anew in the middle wakes nobody a second time for the same', async () => {
  await enterMany(estate, 3)
  await pass(60)
  await pass(60)
  const before = toldOf('ends_late').length
  expect(before).toBeGreaterThan(0)
  const deps = { ...estate.deps, ends: createEndsLooks() }
  for (let second = 0; second < 70; second += 5) {
    estate.time.pass(5000)
    await runDueWork(deps)
  }
  await workOff(estate)
  expect(toldOf('ends_late')).toHaveLength(before)
})

test('L-01 many that are overdue at once are a few pages and one that counts the rest, and each an entry', async () => {
  const grants = await enterMany(estate, 12)
  await pass(60)
  await pass(5)
  const entered = grants.flatMap((grant) =>
    kindsOf(estate, `grant/${grant}`).filter((kind) => kind === 'overdue'),
  )
  expect(entered).toHaveLength(12)
  expect(
    toldOf('access_not_ended').filter(({ payload }) => payload.to === 'bob'),
  ).toHaveLength(5)
  expect(toldOf('many_accesses_not_ended')).toHaveLength(0)
  await pass(60)
  expect(
    toldOf('many_accesses_not_ended').filter(({ payload }) => payload.to === 'bob'),
  ).toMatchObject([{ grant: null, payload: { urgency: 'page', count: 7 } }])
  await pass(3600)
  expect(
    toldOf('many_accesses_not_ended').filter(({ payload }) => payload.to === 'bob'),
  ).toHaveLength(1)
  expect(entriesOf(estate, 'log').map(({ kind }) => kind)).not.toContain('ends_late')
})

test('L-01 the more is open, the rarer it is counted, and twice a minute at the least', () => {
  const looks = createEndsLooks()
  expect(looks.isLookDue(0)).toBe(true)
  for (const [endsOpen, seconds] of [
    [0, 5],
    [100_000, 20],
    [1_000_000, 30],
  ] as const) {
    looks.looked(endsOpen, 1000)
    expect(looks.isLookDue(1000 + seconds - 1)).toBe(false)
    expect(looks.isLookDue(1000 + seconds)).toBe(true)
  }
})

test('L-01 what is over and not proven is counted, entered or not, and up to a limit', async () => {
  const twin = await activeGrant(estate, { lifeSeconds: 600 })
  seedCopies(estate, twin.grant, 2000)
  expect(estate.deps.view().endsOpen(estate.deps.clock.now(), 10_000)).toBe(0)
  estate.time.pass(600_000)
  expect(estate.deps.view().endsOpen(estate.deps.clock.now(), 10_000)).toBe(2001)
  expect(estate.deps.view().endsOpen(estate.deps.clock.now(), 100)).toBe(100)
  while ((await runDueWork(estate.deps)).done > 0);
  expect(estate.deps.view().endsOpen(estate.deps.clock.now(), 10_000)).toBe(2001)
})
