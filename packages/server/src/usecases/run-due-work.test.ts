import type { EndOrder, Envelope, Instant } from '@halligan/core'
import { confersAccess } from '@halligan/core'
import { payloadTypes, readEnvelope } from '@halligan/ledger'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  laneOf,
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
  kindsOf,
  nextRoster,
  noticesOf,
  phaseOf,
  report,
  workOff,
} from '../../test/flow-kit.ts'
import type { Notice } from '../store/port.ts'
import { attestAbsence } from './attest-absence.ts'
import { closeIncident } from './close-incident.ts'
import { returnGrant } from './return-grant.ts'
import { revokeGrant } from './revoke-grant.ts'
import { runDueWork } from './run-due-work.ts'

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

const endOrdersOf = ({ grant }: Asked) =>
  entriesOf(estate, `grant/${grant}`)
    .filter(({ op }) => op === 'end')
    .map(({ order }) => {
      const read = must(
        readEnvelope<EndOrder>(payloadTypes.order, order as unknown as Envelope),
      )
      return read.value
    })

const attest = async (by: Name, { grant }: Asked) => {
  const note = blobOf('the host was taken apart')
  const body = { target: 'payments-pg', noteCommitment: note.commitment }
  return await attestAbsence(
    estate.deps,
    await sign(estate, by, 'attest', { grant, body, blobs: [note] }),
  )
}

describe('access ends on time', () => {
  test('TM-08 EN-23 it confers nothing from the millisecond it is due, swept or not', async () => {
    const { grant } = await activeGrant(estate)
    const held = estate.deps.view().grant(grant)
    if (held?.phase !== 'active') throw new Error('not active')
    estate.time.pass(600_000)
    expect(estate.deps.clock.now()).toBe(held.notAfter)
    expect(confersAccess(held, estate.deps.clock.now())).toBe(false)
    expect(phaseOf(estate, grant)).toBe('active')
    await workOff(estate)
    expect(phaseOf(estate, grant)).toBe('expired')
  })

  test('with an end order for every target that is not proven absent', async () => {
    const asked = await activeGrant(estate)
    await pass(600)
    expect(endOrdersOf(asked)).toMatchObject([
      { op: 'end', cause: 'expired', target: 'payments-pg', enforcer: 'enf-payments' },
    ])
  })

  test('K-10 a server that was down when it was due ends it as soon as it is back', async () => {
    const asked = await activeGrant(estate)
    estate.time.pass(599_999)
    await estate.restart()
    estate.time.pass(3600_000)
    await workOff(estate)
    expect(phaseOf(estate, asked.grant)).toBe('expired')
    await workOff(estate)
    expect(
      kindsOf(estate, `grant/${asked.grant}`).filter((k) => k === 'expired'),
    ).toHaveLength(1)
  })

  test.each([
    ['returned', 'ada', 'return', returnGrant],
    ['revoked', 'bob', 'revoke', revokeGrant],
  ] as const)('or before: %s', async (cause, by, verb, end) => {
    const asked = await activeGrant(estate)
    const act = await sign(estate, by, verb, { grant: asked.grant, body: {} })
    must(await end(estate.deps, act))
    expect(phaseOf(estate, asked.grant)).toBe(cause)
    expect(endOrdersOf(asked)).toMatchObject([{ cause }])
  })

  test('or with its incident, when the decision says so', async () => {
    const asked = await activeGrant(estate)
    const act = await sign(estate, 'ada', 'close_incident', { body: { incident: 'inc-1' } })
    must(await closeIncident(estate.deps, act))
    expect(phaseOf(estate, asked.grant)).toBe('revoked')
    expect(endOrdersOf(asked)).toMatchObject([{ cause: 'incident_closed' }])
  })
})

describe('a target that is not absent in time', () => {
  test('C-01 is overdue within the SLO, pages owners and security, and ends when it is back', async () => {
    const asked = await activeGrant(estate)
    must(await report(estate, asked.grant, applied))
    await pass(600)
    await pass(59)
    expect(kindsOf(estate, `grant/${asked.grant}`)).not.toContain('overdue')
    await pass(1)
    expect(kindsOf(estate, `grant/${asked.grant}`)).toContain('overdue')
    expect(
      noticesOf(estate, asked.grant, 'access_not_ended').map(({ payload }) => payload),
    ).toMatchObject([
      { to: 'bob', urgency: 'page' },
      { to: 'cy', urgency: 'page' },
      { to: 'dee', urgency: 'page' },
    ])
    await pass(3600)
    expect(
      kindsOf(estate, `grant/${asked.grant}`).filter((k) => k === 'overdue'),
    ).toHaveLength(1)
    must(await report(estate, asked.grant, absent))
    expect(phaseOf(estate, asked.grant)).toBe('under_review')
    expect(estate.deps.view().grant(asked.grant)).toMatchObject({
      targets: [{ phase: 'absent', overdue: { since: expect.any(Number) } }],
    })
  })

  test('C-02 EN-19 is settled by two people’s word alone, and never called absent', async () => {
    const asked = await activeGrant(estate)
    await pass(600)
    expect(await attest('bob', asked)).toMatchObject({ error: { code: 'not_overdue' } })
    await pass(60)
    must(await attest('bob', asked))
    expect(phaseOf(estate, asked.grant)).toBe('expired')
    expect(await attest('bob', asked)).toMatchObject({
      error: { code: 'already_attested' },
    })
    must(await attest('cy', asked))
    expect(phaseOf(estate, asked.grant)).toBe('under_review')
    expect(estate.deps.view().grant(asked.grant)).toMatchObject({
      targets: [{ phase: 'revoking', attested: true, attestors: ['bob', 'cy'] }],
    })
  })

  test('EN-19 nor the word of a key that is cooling down', async () => {
    const asked = await activeGrant(estate)
    await pass(600)
    await pass(60)
    const from = (estate.deps.clock.now() + 1) as Instant
    must(
      await nextRoster(estate, ({ people }) => ({
        people: people.map((one) => ({
          ...one,
          keys: one.keys.map((key) => ({ ...key, approvesFrom: from })),
        })),
      })),
    )
    expect(await attest('bob', asked)).toMatchObject({
      error: { code: 'key_cooling_down' },
    })
    estate.time.pass(1)
    must(await attest('bob', asked))
  })

  test('EN-19 the requester’s word does not count', async () => {
    const asked = await activeGrant(estate)
    await pass(600)
    await pass(60)
    expect(await attest('ada', asked)).toMatchObject({ error: { code: 'own_request' } })
    expect(estate.deps.view().grant(asked.grant)).toMatchObject({
      targets: [{ attested: false, attestors: [] }],
    })
  })
})

test('EN-22 an end that is asked for again ends nothing twice and orphans nothing', async () => {
  const asked = await activeGrant(estate)
  const act = await sign(estate, 'bob', 'revoke', { grant: asked.grant, body: {} })
  const first = await revokeGrant(estate.deps, act)
  expect(await revokeGrant(estate.deps, act)).toEqual(first)
  const again = await sign(estate, 'cy', 'revoke', { grant: asked.grant, body: {} })
  expect(await revokeGrant(estate.deps, again)).toMatchObject({
    error: { code: 'wrong_phase' },
  })
  expect(endOrdersOf(asked)).toHaveLength(1)
  expect(
    estate.deps
      .view()
      .unsettledAt('enf-payments')
      .map(({ id }) => id),
  ).toEqual([asked.grant])
})

test('AU-19 a sink that is down for a day costs the log nothing, and gets every notice after', async () => {
  estate.sinkWorks = false
  const asked = await activeGrant(estate)
  for (let hour = 0; hour < 24; hour++) await pass(3600)
  expect(phaseOf(estate, asked.grant)).toBe('expired')
  const waiting = estate.deps.view().notices({ undelivered: true }, 500)
  expect(waiting.length).toBeGreaterThan(3)
  expect(waiting.every(({ routes }) => routes.every(({ attempts }) => attempts > 0))).toBe(
    true,
  )
  estate.sinkWorks = true
  await pass(300)
  expect(estate.deps.view().notices({ undelivered: true }, 500)).toEqual([])
})

test('INV-25 a sink that never answers delays no end, and no other notice', async () => {
  const asked = await activeGrant(estate)
  const tried: string[] = []
  const hung = {
    deliver: ({ kind }: Notice) => {
      tried.push(kind)
      return kind === 'approval_wanted'
        ? new Promise<boolean>(() => {})
        : Promise.resolve(true)
    },
  }
  const deps = { ...estate.deps, lanes: [laneOf(hung)] }
  await runDueWork(deps)
  estate.time.pass(600_000)
  await runDueWork(deps)
  expect(phaseOf(estate, asked.grant)).toBe('expired')
  await runDueWork(deps)
  expect(tried).toContain('review_wanted')
})

test('what only was counted becomes one summary entry', async () => {
  for (let n = 0; n < 7; n++) estate.deps.refusals.count('bad_signature')
  await pass(0)
  await pass(60)
  const summaries = entriesOf(estate, 'log').filter(({ kind }) => kind === 'refusals')
  expect(summaries).toMatchObject([{ counts: { bad_signature: 7 } }])
})
