import { afterEach, beforeEach, expect, test } from 'vitest'
import { must, openEstate, type TestEstate } from '../../test/estate-kit.ts'
import {
  activeGrant,
  applied,
  declareIncident,
  report,
  workOff,
} from '../../test/flow-kit.ts'
import { desiredState, newestOpening } from './desired-state.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate, 'inc-1', 2)
})
afterEach(() => estate.close())

const depsOf = ({ deps, log }: TestEstate) => ({
  ...deps,
  log,
  safeMode: log.safeMode,
  journal: log.journal,
})

const offered = (deps = depsOf(estate)) => {
  const now = estate.deps.clock.now()
  const enforcer = 'enf-payments'
  const statement = {
    type: 'halligan/sync/v1',
    estate: 'example',
    enforcer,
    checkpointSeen: null,
    generation: 0,
    beaconNonce: 'nonce',
    at: now,
  } as const
  const newest = newestOpening(deps, enforcer, now)
  return { newest, ...desiredState(deps, statement, newest, now) }
}

test('TM-08 EN-23 from the instant it is due an access is offered to no enforcer, swept or not', async () => {
  const { grant, terms } = await activeGrant(estate)
  estate.time.pass(terms.lifeSeconds * 1000 - 1)
  expect(offered().opens).toHaveLength(1)
  expect(offered().newest).toBeGreaterThan(0)
  estate.time.pass(1)
  expect(estate.deps.view().grant(grant)?.phase).toBe('active')
  expect(offered()).toMatchObject({ opens: [], reseals: [], newest: -1 })
})

test('L-02 INV-25 what is over and waits to be swept costs an answer nothing, however much it is', async () => {
  for (let n = 0; n < 3; n++)
    must(await report(estate, (await activeGrant(estate)).grant, applied))
  estate.time.pass(3600_000)
  let [read, readWhole] = [0, 0]
  const view = estate.deps.view()
  const counting = {
    ...view,
    entriesOf(subject: string) {
      readWhole++
      return view.entriesOf(subject)
    },
    entriesAfter(subject: string, kind: string) {
      read++
      return view.entriesAfter(subject, kind)
    },
  }
  const deps = { ...depsOf(estate), view: () => counting }
  expect(offered(deps)).toMatchObject({ opens: [], listed: [], ends: [] })
  expect(read).toBe(0)
  await workOff(estate)
  expect(offered(deps).ends).toHaveLength(3)
  expect(read).toBe(3)
  // What came before the activation says nothing of how it ends.
  expect(readWhole).toBe(0)
})

test('INV-25 an order that its enforcer has answered is mentioned, and not told again', async () => {
  const one = await activeGrant(estate)
  const other = await activeGrant(estate)
  expect(offered()).toMatchObject({ opens: [{}, {}], listed: [] })
  must(await report(estate, one.grant, applied))
  must(await report(estate, other.grant, { kind: 'unknown' }))
  expect(offered()).toMatchObject({
    opens: [],
    listed: [one.grant, other.grant],
    newest: -1,
  })
  must(await report(estate, one.grant, { kind: 'ending', cause: 'deadline' }))
  expect(offered().listed).toEqual([other.grant])
})
