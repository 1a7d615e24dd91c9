import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  must,
  newGrant,
  openEstate,
  person,
  sign,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  activeGrant,
  declareIncident,
  entriesOf,
  kindsOf,
  noticesOf,
  phaseOf,
  refusalsOf,
  request,
  signRequest,
} from '../../test/flow-kit.ts'
import type { Blob } from '../store/port.ts'
import { checkAccess } from './check-access.ts'
import { prepareAct } from './prepare-act.ts'
import { readGrant } from './read-grants.ts'
import { requestAccess } from './request-access.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(() => estate.close())

test('the approvers are told in the transaction of the request', async () => {
  const { grant } = await request(estate)
  expect(
    noticesOf(estate, grant, 'approval_wanted').map(({ payload }) => payload.to),
  ).toEqual(['bob', 'cy'])
})

describe('a request leaves no grant behind', () => {
  test.each([
    ['an incident that nobody opened', { incident: 'inc-404' }, 'no-incident-no-access'],
    ['alone without need', { route: 'solo' }, 'solo-needs-evidence'],
  ] as const)('%s', async (_, ask, forbid) => {
    const asked = await signRequest(estate, ask)
    const answer = await requestAccess(estate.deps, asked.input)
    expect(answer).toMatchObject({ ok: false, error: { code: 'route_closed' } })
    expect(JSON.stringify(answer)).toContain(forbid)
    expect(JSON.stringify(answer)).toContain('opensIf')
    expect(estate.deps.view().grant(asked.grant)).toBeNull()
    expect(refusalsOf(estate, 'ada')).toEqual(['route_closed'])
  })

  test('an entitlement that the bundle does not have', async () => {
    await expect(signRequest(estate, { entitlement: 'payments-db-root' })).rejects.toThrow(
      'unknown_entitlement',
    )
  })

  test('RQ-07 under an id that is taken', async () => {
    const { grant } = await request(estate)
    const again = await signRequest(estate, { grant })
    expect(await requestAccess(estate.deps, again.input)).toMatchObject({
      error: { code: 'grant_exists' },
    })
  })

  test.each<[string, string, (blobs: readonly Blob[]) => readonly Blob[]]>([
    ['without its text', 'missing_blob', () => []],
    ['with a text too many', 'bad_commitment', (blobs) => [...blobs, blobOf('more')]],
    [
      'with another text',
      'bad_commitment',
      (blobs) => blobs.map((blob) => ({ ...blob, text: 'other' })),
    ],
  ])('%s', async (_, code, change) => {
    const { grant, input } = await signRequest(estate)
    const sent = { ...input, blobs: change(input.blobs) }
    expect(await requestAccess(estate.deps, sent)).toMatchObject({ error: { code } })
    expect(estate.deps.view().grant(grant)).toBeNull()
    expect(refusalsOf(estate, 'ada')).toEqual([code])
  })
})

test.each(['Ada', 'ADA ', 'ada\u00a0', '\u0430da'])(
  'ID-01 one person has one spelling, and %j is nobody',
  async (by) => {
    const { grant, terms, termsDigest } = await signRequest(estate)
    const parts = { grant, termsDigest, body: { terms }, lie: { by } }
    const input = await sign(estate, 'ada', 'request', parts)
    expect(await requestAccess(estate.deps, input)).toMatchObject({
      error: { code: 'malformed_act' },
    })
    expect(estate.deps.view().grant(grant)).toBeNull()
  },
)

describe('RQ-08 many small requests', () => {
  test('are judged together, those that wait and those in one batch included', async () => {
    const asked = []
    for (let n = 0; n < 6; n++) asked.push(await signRequest(estate, { lifeSeconds: 60 }))
    const answers = await Promise.all(
      asked.map(({ input }) => requestAccess(estate.deps, input)),
    )
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, false, false, false])
    expect(JSON.stringify(answers[3])).toContain('grants-on-one-system')
  })

  test('count for the person, whichever of her accounts asks', async () => {
    for (let n = 0; n < 3; n++) await request(estate, { by: 'robo', lifeSeconds: 60 })
    await expect(request(estate, { lifeSeconds: 60 })).rejects.toThrow(
      'grants-on-one-system',
    )
  })
})

test('RQ-10 the reason is kept and given back verbatim, byte for byte', async () => {
  const reason =
    '<b>urgent</b> [click](https://evil.example) \u202Egnp.exe\u202C a\u200Bb\n\n\n\n\nend \u0000\u001b[2J'
  const { grant, terms } = await request(estate, { reason })
  const { blobs } = must(readGrant(estate.deps, grant))
  expect(blobs).toMatchObject([{ commitment: terms.reasonCommitment, text: reason }])
  const log = JSON.stringify(entriesOf(estate, `grant/${grant}`))
  expect(log).not.toContain('urgent')
})

test('INV-19 the ruling is entered with its facts and replays to the same answer', async () => {
  const { grant } = await request(estate)
  const ruled = entriesOf(estate, `grant/${grant}`).find(({ kind }) => kind === 'ruled')
  const bundle = must(estate.deps.inForce.policy(estate.deps.view()))
  const again = bundle.rule(ruled?.facts as unknown as Parameters<typeof bundle.rule>[0])
  expect(again.open.map(({ name }) => name)).toEqual(ruled?.open)
  expect(again.closed).toEqual(ruled?.closed)
  expect(again.bundleDigest).toBe(ruled?.bundleDigest)
})

test('a rehearsal is marked as one and counts as no use', async () => {
  await declareIncident(estate, 'drill-1')
  const { grant } = await activeGrant(estate, { incident: 'drill-1' })
  expect(estate.deps.view().grant(grant)?.drill).toBe(true)
  expect(estate.deps.view().uses({ person: person('ada') }, 0 as never)).toBe(0)
})

test('check says what is open, and what would open the rest, to the asker alone', async () => {
  const mine = must(await checkAccess(estate.deps, person('ada'), { incident: 'inc-1' }))
  expect(mine.entitlements.map(({ entitlement }) => entitlement)).toContain(
    'payments-db-repair',
  )
  const solo = mine.entitlements
    .flatMap(({ ruling }) => ruling.closed)
    .find(({ route }) => route === 'solo')
  expect(solo?.opensIf?.length).toBeGreaterThan(0)
  const about = { incident: 'inc-1', person: person('bob') }
  expect(await checkAccess(estate.deps, person('ada'), about)).toMatchObject({
    error: { code: 'not_allowed' },
  })
  must(await checkAccess(estate.deps, person('dee'), about))
})

test('preparing stores nothing', async () => {
  const size = estate.deps.view().head().size
  await signRequest(estate)
  const unknown = await prepareAct(estate.deps, person('bob'), {
    verb: 'approve',
    grant: newGrant(),
  })
  expect(unknown).toMatchObject({ error: { code: 'unknown_grant' } })
  expect(estate.deps.view().head().size).toBe(size)
})

test('facts older than thirty seconds are not ruled on, and the act may be sent again', async () => {
  const asked = await signRequest(estate)
  const { deps } = estate
  const slow = {
    ...deps,
    sources: [
      {
        name: 'slow',
        async read(id: string) {
          const incident = deps.view().incident(id)
          estate.time.pass(30_001)
          return incident
        },
      },
    ],
  }
  expect(await requestAccess(slow, asked.input)).toMatchObject({
    error: { code: 'facts_stale' },
  })
  expect(kindsOf(estate, 'principal/ada')).toEqual([])
  must(await requestAccess(deps, asked.input))
  expect(phaseOf(estate, asked.grant)).toBe('pending')
})

test('a source that cannot be reached counts as no incident', async () => {
  const asked = await signRequest(estate)
  const down = { name: 'down', read: () => Promise.reject(new Error('no route to host')) }
  expect(
    await requestAccess({ ...estate.deps, sources: [down] }, asked.input),
  ).toMatchObject({
    error: { code: 'route_closed' },
  })
})
