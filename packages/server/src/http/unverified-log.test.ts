import { afterEach, beforeEach, expect, test } from 'vitest'
import { must, openEstate, sign, type TestEstate } from '../../test/estate-kit.ts'
import {
  activate,
  activeGrant,
  applied,
  approve,
  declareIncident,
  phaseOf,
  report,
  request,
  signRequest,
  workOff,
} from '../../test/flow-kit.ts'
import { diskWithFullScratch } from '../../test/full-scratch.ts'
import { requestAccess } from '../usecases/request-access.ts'
import { revokeGrant } from '../usecases/revoke-grant.ts'
import { desiredState, newestOpening } from './desired-state.ts'
import { readGauges, safeModeOf } from './metrics.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate, 'inc-1', 2)
})
afterEach(() => estate.close())

/** Restarts with a log that stays unverified, because there is no room, until `verify`. */
async function restartUnverified(): Promise<{ verify(): Promise<void> }> {
  let isFull = true
  const disk = diskWithFullScratch(5, () => isFull)
  await estate.restart({ mostVerifiedFirst: 0, disk })
  await expect.poll(() => estate.log.check.progress()?.detail).toContain('no room')
  return {
    async verify() {
      isFull = false
      estate.timers.fire()
      await expect.poll(() => estate.log.safeMode.causes()).toEqual([])
    },
  }
}

const depsOf = ({ deps, log }: TestEstate) => ({
  ...deps,
  log,
  safeMode: log.safeMode,
  check: log.check,
  journal: log.journal,
})

function offered() {
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
  const newest = newestOpening(depsOf(estate), enforcer, now)
  return { newest, ...desiredState(depsOf(estate), statement, newest, now) }
}

const unverified = { error: { code: 'safe_mode', causes: ['log_unverified'] } }

test('L-02 INV-18 ends and receipts are taken, synced and swept while the log is unverified', async () => {
  const [one, other, third] = [
    await activeGrant(estate),
    await activeGrant(estate),
    await activeGrant(estate),
  ]
  const { verify } = await restartUnverified()
  must(await report(estate, other.grant, applied))
  const revoke = await sign(estate, 'ada', 'revoke', { grant: one.grant, body: {} })
  must(await revokeGrant(estate.deps, revoke))
  expect(phaseOf(estate, one.grant)).toBe('revoked')
  expect(offered().ends).toHaveLength(1)
  estate.time.pass(third.terms.lifeSeconds * 1000)
  await workOff(estate)
  expect(phaseOf(estate, third.grant)).toBe('expired')
  expect(offered().ends).toHaveLength(3)
  await verify()
  expect(phaseOf(estate, third.grant)).toBe('expired')
})

test('L-02 INV-15 no request, approval or activation is taken, and no order to open told, before it is', async () => {
  const pending = await request(estate)
  const approved = await request(estate)
  must(await approve(estate, 'bob', approved))
  const { grant } = await activeGrant(estate)
  const { verify } = await restartUnverified()
  const asked = await signRequest(estate)
  expect(await requestAccess(estate.deps, asked.input)).toMatchObject(unverified)
  expect(await approve(estate, 'bob', pending)).toMatchObject(unverified)
  expect(await activate(estate, 'ada', approved)).toMatchObject(unverified)
  expect(offered()).toMatchObject({ opens: [], reseals: [], listed: [grant], newest: -1 })
  await verify()
  expect(offered()).toMatchObject({ opens: [{}], listed: [] })
  expect((await activate(estate, 'ada', approved)).ok).toBe(true)
})

test('L-02 status, health and metrics say how far it is', async () => {
  const { verify } = await restartUnverified()
  const entries = estate.deps.view().head().size
  expect(safeModeOf(depsOf(estate))).toMatchObject({
    safeMode: ['log_unverified'],
    logCheck: { verified: 0, secondsLeft: null },
  })
  expect(readGauges(depsOf(estate)).entriesUnverified).toBeGreaterThan(entries - 3)
  await verify()
  expect(safeModeOf(depsOf(estate))).toEqual({ safeMode: [] })
  expect(readGauges(depsOf(estate)).entriesUnverified).toBe(0)
})
