import { afterEach, beforeEach, expect, test } from 'vitest'
import { must, openEstate, type TestEstate } from '../../test/estate-kit.ts'
import {
  absent,
  activate,
  activeGrant,
  approve,
  declareIncident,
  kindsOf,
  phaseOf,
  report,
  request,
} from '../../test/flow-kit.ts'
import { enterMany, seedCopies } from '../../test/mass-expiry.ts'
import { runDueWork } from './run-due-work.ts'
import { createStuckWork } from './stuck-work.ts'

let estate: TestEstate
let model: Awaited<ReturnType<typeof activeGrant>>
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
  model = await activeGrant(estate, { lifeSeconds: 600 })
  must(await report(estate, model.grant, { kind: 'ending', cause: 'local_root' }))
  must(await report(estate, model.grant, absent))
})
afterEach(() => estate.close())

const database = () => estate.log.store.database()
const countOf = (phase: string) =>
  Number(
    database().prepare('SELECT count(*) AS n FROM grants WHERE phase = ?').get(phase)?.n,
  )

/** Copies of a grant that is active and ends with the others. */
async function seed(count: number): Promise<void> {
  const twin = await activeGrant(estate, { lifeSeconds: 600 })
  seedCopies(estate, twin.grant, count)
}

test('L-01 INV-25 an activation waits for a batch or two of a thousand ends, and no more', async () => {
  await seed(1000)
  estate.time.pass(600_000)
  await declareIncident(estate, 'inc-2')
  const wanted = await request(estate, { incident: 'inc-2' })
  must(await approve(estate, 'bob', wanted))
  let over = false
  const sweep = (async () => {
    while ((await runDueWork(estate.deps)).done > 0);
    over = true
  })()
  const entries = () => estate.deps.view().head().size
  await new Promise((next) => setTimeout(next, 5))
  const before = entries()
  must(await activate(estate, 'ada', wanted))
  expect(over).toBe(false)
  // Each end is two entries, and a batch has 64 of them.
  expect(entries() - before).toBeLessThan(3 * 2 * 64)
  await sweep
  expect(countOf('expired')).toBe(1001)
  expect(phaseOf(estate, wanted.grant)).toBe('active')
})

test('INV-25 a hundred ends that cannot be entered keep no other waiting, and are tried on', async () => {
  await seed(130)
  const poisoned = database()
    .prepare(
      'SELECT id, state FROM grants WHERE asked_idx < 0 ORDER BY asked_idx LIMIT 100',
    )
    .all()
  const setState = database().prepare('UPDATE grants SET state = ? WHERE id = ?')
  const setDue = database().prepare('UPDATE due SET at = at - 1 WHERE subject = ?')
  for (const { id } of poisoned) {
    setState.run('{', id as string)
    setDue.run(id as string)
  }
  estate.time.pass(600_000)
  const stuck = createStuckWork()
  const faults: unknown[] = []
  for (let round = 0; round < 4; round++)
    faults.push(...(await runDueWork(estate.deps, stuck)).faults)
  expect(countOf('expired')).toBe(31)
  expect(faults).toHaveLength(100)
  for (const { id, state } of poisoned) setState.run(state as string, id as string)
  estate.time.pass(1000)
  for (let round = 0; round < 3; round++) await runDueWork(estate.deps, stuck)
  expect(countOf('expired')).toBe(131)
  expect(stuck.size()).toBe(0)
})

test('INV-9 the page about a target that did not end waits for no flood of ends', async () => {
  await seed(300)
  const late = await activeGrant(estate, { lifeSeconds: 3600 })
  estate.time.pass(590_000)
  must(await report(estate, late.grant, { kind: 'ending', cause: 'local_root' }))
  estate.time.pass(70_000)
  await runDueWork(estate.deps)
  expect(countOf('expired')).toBeLessThan(300)
  expect(kindsOf(estate, `grant/${late.grant}`)).toContain('overdue')
})

test('L-02 K-10 a backlog that a server finds at its start is ended batch by batch', async () => {
  await enterMany(estate, 300)
  estate.time.pass(3600_000)
  await estate.restart()
  expect(estate.log.safeMode.causes()).toEqual([])
  await runDueWork(estate.deps)
  expect(countOf('expired')).toBe(64)
  while ((await runDueWork(estate.deps)).done > 0);
  expect(countOf('expired')).toBe(300)
})

test('L-01 no more is entered at once than the pace lets through, and the rest stays due', async () => {
  await enterMany(estate, 100)
  estate.time.pass(60_000)
  const learned: number[] = []
  const pace = { most: () => 10, took: (count: number) => void learned.push(count) }
  await runDueWork(estate.deps, createStuckWork(), pace)
  expect(countOf('expired')).toBe(10)
  expect(learned).toEqual([10])
  while ((await runDueWork(estate.deps, createStuckWork(), pace)).done > 0);
  expect(countOf('expired')).toBe(100)
})
