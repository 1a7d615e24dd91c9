import type { ReceiptDetail } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  edited,
  must,
  newGrant,
  openEstate,
  replica,
  type TestEstate,
  target,
} from '../../test/estate-kit.ts'
import {
  absent,
  activeGrant,
  applied,
  declareIncident,
  entriesOf,
  kindsOf,
  noticesOf,
  signReceipt,
  workOff,
} from '../../test/flow-kit.ts'
import { recordReceipt } from './record-receipt.ts'

let estate: TestEstate
const open = async (...options: Parameters<typeof openEstate>) => {
  estate = await openEstate(...options)
  await declareIncident(estate)
}
beforeEach(() => open())
afterEach(() => estate.close())

/** Drift that the example's enforcer finds. */
async function drift(
  what: string,
  {
    grant = null,
    at = target,
  }: { grant?: ReturnType<typeof newGrant> | null; at?: string } = {},
) {
  const object = blobOf(`${what} of somebody`)
  const detail: ReceiptDetail = { kind: 'drifted', what, object: object.commitment }
  const lie = grant === null ? { target: at } : {}
  must(await recordReceipt(estate.deps, signReceipt(estate, grant, detail, lie, [object])))
}

/** Who was told of drift that no grant explains: `to`, and how urgently. */
const toldOf = (what?: string) =>
  estate.deps
    .view()
    .notices({}, 500)
    .filter(({ kind, grant }) => kind === 'drift_seen' && grant === null)
    .filter(({ payload }) => what === undefined || payload.what === what)
    .map(({ payload }) => `${payload.urgency} ${payload.to}`)

describe('drift that no grant explains', () => {
  test('EN-26 EN-16 pages the owners of what the target serves, and security', async () => {
    await drift('foreign_membership')
    expect(toldOf()).toEqual(['page bob', 'page cy', 'page dee'])
    await workOff(estate)
    expect(estate.told.filter(({ kind }) => kind === 'drift_seen')).toMatchObject([
      { grant: null, payload: { target, what: 'foreign_membership' } },
      { payload: { enforcer: 'enf-payments' } },
      {},
    ])
  })

  test('on a target that no entitlement reaches pages security', async () => {
    await drift('unexplained', { at: replica })
    expect(toldOf()).toEqual(['page cy', 'page dee'])
  })

  test('EN-13 pages for a report of a grant that nobody gave', async () => {
    must(
      await recordReceipt(
        estate.deps,
        signReceipt(estate, newGrant(), applied, { orderDigest: null }),
      ),
    )
    expect(toldOf('unexplained_applied')).toEqual(['page bob', 'page cy', 'page dee'])
  })

  test('only tells where the estate says so', async () => {
    await estate.close()
    const yaml = 'revokeSloSeconds: 60'
    const said = `${yaml}\ndrift: { page: [missing], tell: ["foreign_*"] }`
    await open({ files: edited('estate.yaml', yaml, said) })
    await drift('foreign_login')
    expect(toldOf('foreign_login')).toEqual(['tell bob', 'tell cy', 'tell dee'])
    const asked = await activeGrant(estate)
    must(await recordReceipt(estate.deps, signReceipt(estate, asked.grant, applied)))
    await drift('missing', { grant: asked.grant })
    expect(
      noticesOf(estate, asked.grant, 'drift_seen').map(({ payload }) => payload.urgency),
    ).toEqual(['page', 'page', 'page'])
  })
})

test('C-08 access of an ended grant that is back is the grant’s own event, and pages', async () => {
  const asked = await activeGrant(estate)
  for (const detail of [applied, absent])
    must(await recordReceipt(estate.deps, signReceipt(estate, asked.grant, detail)))
  await drift('reappeared', { grant: asked.grant })
  expect(kindsOf(estate, `grant/${asked.grant}`).at(-1)).toBe('reported')
  expect(noticesOf(estate, asked.grant, 'drift_seen')).toHaveLength(3)
})

test('P-05 a target that comes and goes for ten minutes is all in the ledger, and no storm', async () => {
  for (let n = 0; n < 60; n++) {
    await drift(n % 2 === 0 ? 'connector_unready' : 'connector_ready')
    estate.time.pass(10_000)
  }
  expect(entriesOf(estate, `target/${target}`)).toHaveLength(60)
  expect(toldOf('connector_unready')).toHaveLength(5 * 3)
  estate.time.pass(600_000)
  await drift('connector_unready')
  expect(toldOf('connector_unready')).toHaveLength(6 * 3)
  await drift('foreign_login')
  expect(toldOf('foreign_login')).toHaveLength(3)
})
