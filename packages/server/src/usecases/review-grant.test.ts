import type { Finding } from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  edited,
  exampleFiles,
  must,
  type Name,
  openEstate,
  sign,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  type Asked,
  absent,
  activeGrant,
  applied,
  declareIncident,
  entriesOf,
  gone,
  nextRoster,
  noticesOf,
  phaseOf,
  report,
  request,
  workOff,
} from '../../test/flow-kit.ts'
import { readGrant } from './read-grants.ts'
import { hastyVerdicts, readReview } from './read-reviews.ts'
import { reviewGrant } from './review-grant.ts'

let estate: TestEstate
const open = async (files = exampleFiles) => {
  estate = await openEstate({ files })
  await declareIncident(estate)
}
beforeEach(() => open())
afterEach(() => estate.close())

const ended = async () => {
  const asked = await activeGrant(estate)
  must(await report(estate, asked.grant, applied))
  estate.time.pass(600_000)
  await workOff(estate)
  return asked
}

const settled = async () => {
  const asked = await ended()
  must(await report(estate, asked.grant, absent))
  return asked
}

const verdict = async (
  by: Name,
  { grant }: Asked,
  finding: Finding = 'justified',
  evidenceDigest = must(readReview(estate.deps, grant)).evidenceDigest,
) => {
  const note = blobOf('the queue was stuck indeed')
  const body = { finding, evidenceDigest, followUps: [], noteCommitment: note.commitment }
  return await reviewGrant(
    estate.deps,
    await sign(estate, by, 'review', { grant, body, blobs: [note] }),
  )
}

test('a verdict by someone uninvolved, on all the evidence, closes it', async () => {
  const asked = await settled()
  must(await verdict('dee', asked))
  expect(estate.deps.view().grant(asked.grant)).toMatchObject({
    phase: 'closed',
    finding: 'justified',
    reviewer: 'dee',
  })
})

describe('no verdict', () => {
  const everyoneReviews = edited(
    'estate.yaml',
    'reviewers: [dee]',
    'reviewers: [ada, bob, dee]',
  )
  const reopen = async () => {
    await estate.close()
    await open(everyoneReviews)
  }

  test('RV-01 by the requester', async () => {
    await reopen()
    expect(await verdict('ada', await settled())).toMatchObject({
      error: { code: 'reviewer_not_independent' },
    })
  })

  test('RV-02 by an approver of the grant', async () => {
    await reopen()
    expect(await verdict('bob', await settled())).toMatchObject({
      error: { code: 'reviewer_not_independent' },
    })
  })

  test('while a target is not absent', async () => {
    expect(await verdict('dee', await ended())).toMatchObject({
      error: { code: 'target_not_absent', targets: ['payments-pg'] },
    })
  })

  test('RV-05 RV-11 on evidence that is not all there is now', async () => {
    const asked = await settled()
    const seen = must(readReview(estate.deps, asked.grant)).evidenceDigest
    must(await report(estate, asked.grant, { kind: 'rotated', probes: gone }))
    expect(await verdict('dee', asked, 'justified', seen)).toMatchObject({
      error: { code: 'new_evidence' },
    })
    expect(phaseOf(estate, asked.grant)).toBe('under_review')
  })
})

test('RV-04 the obligation outlives the requester’s key and a restart', async () => {
  const asked = await settled()
  must(
    await nextRoster(estate, ({ people }) => ({
      people: people.map((one) => (one.person === 'ada' ? { ...one, keys: [] } : one)),
    })),
  )
  await estate.restart()
  const left = estate.deps.view().grants({ reviewOpen: true }, null, 10)
  expect(left.items.map(({ id }) => id)).toEqual([asked.grant])
})

test('RV-05 verdicts given faster than anybody reads are counted', async () => {
  const since = estate.deps.clock.now()
  const grants = [await settled(), await settled(), await settled()]
  for (const [i, asked] of grants.entries()) {
    estate.time.pass(i === 2 ? 60_000 : 2000)
    must(await verdict('dee', asked))
  }
  expect(hastyVerdicts(estate.deps.view(), since)).toBe(1)
})

test('RV-07 an overdue review closes the ordinary way, leaves minutes alone, and pages', async () => {
  await settled()
  estate.time.pass(25 * 3600_000)
  await workOff(estate)
  await declareIncident(estate, 'inc-2', 1)
  await expect(request(estate, { incident: 'inc-2' })).rejects.toThrow('review-overdue')
  const ask = { incident: 'inc-2', route: 'solo' } as const
  await expect(request(estate, ask)).rejects.toThrow('solo-while-overdue')
  const { grant } = await request(estate, { ...ask, lifeSeconds: 300 })
  expect(
    noticesOf(estate, grant, 'requested_despite_overdue_reviews').map(
      ({ payload }) => payload.to,
    ),
  ).toEqual(['bob', 'cy', 'dee'])
})

test('RV-07 INV-4 an overdue review closes the ordinary way to the agents of its subject as well', async () => {
  await settled()
  await request(estate, { by: 'robo', lifeSeconds: 60 })
  estate.time.pass(25 * 3600_000)
  await workOff(estate)
  await declareIncident(estate, 'inc-2', 1)
  const ask = { by: 'robo', incident: 'inc-2', lifeSeconds: 60 } as const
  await expect(request(estate, ask)).rejects.toThrow('review-overdue')
})

test('RV-08 a changed mind is a second verdict beside the first', async () => {
  const asked = await settled()
  must(await verdict('dee', asked))
  must(await verdict('cy', asked, 'misused'))
  const verdicts = entriesOf(estate, `grant/${asked.grant}`).filter(
    ({ finding }) => finding,
  )
  expect(verdicts.map(({ kind, finding, by }) => [kind, finding, by])).toEqual([
    ['closed', 'justified', 'dee'],
    ['superseded', 'misused', 'cy'],
  ])
})

test('RV-11 the reviewer is given every entry and every text, and the digest is over those', async () => {
  const { grant } = await settled()
  const file = must(readReview(estate.deps, grant))
  const story = must(readGrant(estate.deps, grant))
  expect(file.evidence.entries).toEqual(story.entries.map(({ entry }) => entry.id))
  expect(file.evidence.blobs).toEqual(story.blobs.map(({ commitment }) => commitment))
  expect(file.evidence.blobs).toHaveLength(1)
  expect(digestOf(nodeCrypto, file.evidence)).toBe(file.evidenceDigest)
  expect(file).toMatchObject({ uses30: 1, uses90: 1 })
})

test('RV-13 the review shows the notices that reached nobody', async () => {
  estate.sinkWorks = false
  const { grant } = await settled()
  const { undelivered } = must(readReview(estate.deps, grant))
  expect(undelivered.map(({ kind }) => kind)).toContain('approval_wanted')
  expect(undelivered).toEqual(noticesOf(estate, grant))
})
