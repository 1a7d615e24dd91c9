import type { ReceiptDetail } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareWithReplay } from '../../test/compare-with-replay.ts'
import {
  blobOf,
  must,
  type Name,
  openEstate,
  sign,
  type TestEstate,
  target,
} from '../../test/estate-kit.ts'
import {
  type Asked,
  absent,
  activeGrant,
  applied,
  declareIncident,
  entriesOf,
  gone,
  kindsOf,
  noticesOf,
  phaseOf,
  report,
  signReceipt,
  workOff,
} from '../../test/flow-kit.ts'
import { attestAbsence } from './attest-absence.ts'
import { readGrant } from './read-grants.ts'
import { readReview } from './read-reviews.ts'
import { recordReceipt } from './record-receipt.ts'
import { reviewGrant } from './review-grant.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(async () => {
  expect(compareWithReplay(estate.log.store.database(), estate.deps.crypto)).toBeNull()
  await estate.close()
})

const pass = async (seconds: number) => {
  estate.time.pass(seconds * 1000)
  await workOff(estate)
}

const struggle = async ({ grant }: Asked, attempts: number, text: string) => {
  const reason = blobOf(text)
  const detail = {
    kind: 'struggling',
    work: 'end',
    attempts,
    reasonCommitment: reason.commitment,
  } as const
  const input = signReceipt(estate, grant, detail, {}, [reason])
  must(await recordReceipt(estate.deps, input))
  return reason
}

const ended = async (report1: ReceiptDetail = applied) => {
  const asked = await activeGrant(estate)
  must(await report(estate, asked.grant, report1))
  await pass(600)
  return asked
}

const targetOf = ({ grant }: Asked) => {
  const state = must(readGrant(estate.deps, grant)).grant
  return 'targets' in state ? state.targets[0] : undefined
}

const attest = async (by: Name, { grant }: Asked) => {
  const note = blobOf('the account was deleted by hand')
  const body = { target, noteCommitment: note.commitment }
  const act = await sign(estate, by, 'attest', { grant, body, blobs: [note] })
  return await attestAbsence(estate.deps, act)
}

const verdict = async (by: Name, { grant }: Asked) => {
  const note = blobOf('seen')
  const { evidenceDigest } = must(readReview(estate.deps, grant))
  const body = {
    finding: 'justified',
    evidenceDigest,
    followUps: [],
    noteCommitment: note.commitment,
  } as const
  const act = await sign(estate, by, 'review', { grant, body, blobs: [note] })
  return await reviewGrant(estate.deps, act)
}

describe('what an enforcer cannot do', () => {
  test('Q-04 is shown with attempt and reason, is overdue and pages, and is never dropped', async () => {
    const asked = await ended()
    await struggle(asked, 2, 'connection refused')
    await pass(60)
    const last = await struggle(asked, 4, 'connection refused again')
    expect(targetOf(asked)).toMatchObject({
      phase: 'revoking',
      trouble: { work: 'end', attempts: 4, reasonCommitment: last.commitment },
      overdue: { since: expect.any(Number) },
      absence: null,
    })
    const { blobs } = must(readGrant(estate.deps, asked.grant))
    expect(blobs).toContainEqual(last)
    expect(noticesOf(estate, asked.grant, 'access_not_ended')).toHaveLength(3)
    await pass(7 * 24 * 3600)
    expect(phaseOf(estate, asked.grant)).toBe('expired')
    expect(estate.deps.view().unsettledAt('enf-payments')).toHaveLength(1)
    must(await report(estate, asked.grant, absent))
    expect(targetOf(asked)).toMatchObject({
      phase: 'absent',
      trouble: null,
      absence: { probes: gone, alreadyAbsent: false },
    })
  })

  test('a reason that does not open its commitment is refused with the receipt', async () => {
    const asked = await ended()
    const reason = blobOf('what was said')
    const detail = {
      kind: 'struggling',
      work: 'end',
      attempts: 2,
      reasonCommitment: reason.commitment,
    } as const
    const forged = [{ ...reason, text: 'something else' }]
    expect(
      await recordReceipt(
        estate.deps,
        signReceipt(estate, asked.grant, detail, {}, forged),
      ),
    ).toMatchObject({ error: { code: 'bad_commitment' } })
  })
})

describe('a shared secret', () => {
  const exposed = async () => {
    const asked = await ended({ ...applied, shared: true } as ReceiptDetail)
    must(await report(estate, asked.grant, absent))
    return asked
  }

  test('holds the review open until its rotation is shown', async () => {
    const asked = await exposed()
    expect(targetOf(asked)).toMatchObject({ phase: 'absent', exposure: 'exposed' })
    expect(await verdict('dee', asked)).toMatchObject({
      error: { code: 'secret_not_rotated', targets: [target] },
    })
    must(await report(estate, asked.grant, { kind: 'rotated', probes: gone }))
    expect(targetOf(asked)).toMatchObject({
      exposure: 'rotated',
      rotation: { probes: gone },
    })
    must(await verdict('dee', asked))
  })

  test('pages an hour after the end, and is on the books until it is rotated', async () => {
    const asked = await exposed()
    await pass(3599)
    expect(kindsOf(estate, `grant/${asked.grant}`)).not.toContain('rotation_overdue')
    await pass(1)
    expect(
      noticesOf(estate, asked.grant, 'secret_not_rotated').map(({ payload }) => payload),
    ).toMatchObject([
      { to: 'bob', urgency: 'page' },
      { to: 'cy', urgency: 'page' },
      { to: 'dee', urgency: 'page' },
    ])
    await estate.restart()
    await pass(24 * 3600)
    expect(
      kindsOf(estate, `grant/${asked.grant}`).filter((k) => k === 'rotation_overdue'),
    ).toHaveLength(1)
    expect(await verdict('dee', asked)).toMatchObject({
      error: { code: 'secret_not_rotated' },
    })
    must(await report(estate, asked.grant, { kind: 'rotated', probes: gone }))
    must(await verdict('dee', asked))
  })

  test('EN-19 or until two people attest, which is no rotation', async () => {
    const asked = await exposed()
    expect(await attest('bob', asked)).toMatchObject({ error: { code: 'not_overdue' } })
    await pass(3600)
    must(await attest('bob', asked))
    expect(await verdict('dee', asked)).toMatchObject({
      error: { code: 'secret_not_rotated' },
    })
    must(await attest('cy', asked))
    expect(targetOf(asked)).toMatchObject({ attested: true, exposure: 'exposed' })
    must(await verdict('dee', asked))
  })

  test('INV-20 a rotation that shows nothing is entered as what it is, and rotates nothing', async () => {
    const asked = await exposed()
    const still = [{ probe: 'old_secret', absent: false, at: estate.deps.clock.now() }]
    must(await report(estate, asked.grant, { kind: 'rotated', probes: still }))
    expect(targetOf(asked)).toMatchObject({ exposure: 'exposed', rotation: null })
    expect(entriesOf(estate, `target/${target}`)).toMatchObject([
      { kind: 'drift', what: 'unexplained_rotated' },
    ])
  })

  test('an account rotated with no grant is on the record of its target, and is no drift', async () => {
    must(await report(estate, null, { kind: 'rotated', probes: gone, account: 'admin' }))
    expect(entriesOf(estate, `target/${target}`)).toMatchObject([
      { kind: 'account_rotated', account: 'admin', target },
    ])
  })
})
