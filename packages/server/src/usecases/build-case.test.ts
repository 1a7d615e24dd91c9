import { verifyCaseFile } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { blobOf, must, openEstate, sign, type TestEstate } from '../../test/estate-kit.ts'
import {
  absent,
  activeGrant,
  applied,
  declareIncident,
  report,
  request,
  workOff,
} from '../../test/flow-kit.ts'
import { buildCase } from './build-case.ts'
import { readReview } from './read-reviews.ts'
import { reviewGrant } from './review-grant.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(() => estate.close())

const verify = (bytes: Uint8Array) =>
  verifyCaseFile(nodeCrypto, bytes, estate.deps.inForce.roster(estate.deps.view()).digest)

test('the case of a closed emergency is proven against the roster’s digest alone', async () => {
  const { grant } = await activeGrant(estate)
  must(await report(estate, grant, applied))
  estate.time.pass(600_000)
  await workOff(estate)
  must(await report(estate, grant, { kind: 'ending', cause: 'deadline' }))
  must(await report(estate, grant, absent))
  const note = blobOf('stuck indeed')
  const { evidenceDigest } = must(readReview(estate.deps, grant))
  const rest = { followUps: [], noteCommitment: note.commitment }
  const body = { finding: 'justified', evidenceDigest, ...rest } as const
  const act = await sign(estate, 'dee', 'review', { grant, body, blobs: [note] })
  must(await reviewGrant(estate.deps, act))

  const bytes = must(buildCase(estate.deps, estate.log, grant))
  const report_ = verify(bytes)
  expect(report_.failures).toEqual([])
  expect(report_).toMatchObject({ verdict: 'proven', grant: { phase: 'closed' } })
  const changed = new TextDecoder().decode(bytes).replace('stuck indeed', 'stuck at all')
  expect(verify(new TextEncoder().encode(changed)).verdict).toBe('failed')
})

test('a case can be built of what is not over, and proven so far', async () => {
  const { grant } = await request(estate)
  const bytes = must(buildCase(estate.deps, estate.log, grant))
  expect(verify(bytes)).toMatchObject({ verdict: 'proven', grant: { phase: 'pending' } })
})
