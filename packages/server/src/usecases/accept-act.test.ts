import type { ActBody, Verb } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  exampleFiles,
  must,
  nonceFor,
  openEstate,
  person,
  seedOf,
  sign,
  signerOf,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  activeGrant,
  declareIncident,
  entriesOf,
  phaseOf,
  refusalsOf,
  request,
  sealTo,
  signApproval,
  signRequest,
  workOff,
} from '../../test/flow-kit.ts'
import { createNonces } from '../nonce.ts'
import type { ActAnswer, ActInput } from './accept-act.ts'
import { activateGrant } from './activate-grant.ts'
import { approvePolicy } from './approve-policy.ts'
import { approveRequest } from './approve-request.ts'
import { attestAbsence } from './attest-absence.ts'
import { closeIncident } from './close-incident.ts'
import { denyRequest } from './deny-request.ts'
import type { Deps } from './deps.ts'
import { invitePrincipal } from './invite-principal.ts'
import { openIncident } from './open-incident.ts'
import { proposePolicy } from './propose-policy.ts'
import { refusalsPerMinute } from './record-refusal.ts'
import { requestAccess } from './request-access.ts'
import { returnGrant } from './return-grant.ts'
import { revealCredential } from './reveal-credential.ts'
import { reviewGrant } from './review-grant.ts'
import { revokeGrant } from './revoke-grant.ts'
import { withdrawRequest } from './withdraw-request.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(() => estate.close())

const sizeOf = () => estate.deps.view().head().size

describe('an act that is sent again', () => {
  test('INV-22 gets its first answer, and makes nothing happen twice', async () => {
    const asked = await request(estate)
    const act = await signApproval(estate, 'bob', asked)
    const first = must(await approveRequest(estate.deps, act))
    const size = sizeOf()
    estate.time.pass(3600_000)
    expect(await approveRequest(estate.deps, act)).toEqual({ ok: true, value: first })
    expect(sizeOf()).toBe(size)
  })

  test('INV-22 gets its first refusal, and is entered once', async () => {
    const asked = await request(estate)
    const act = await signApproval(estate, 'mallory', asked)
    const first = await approveRequest(estate.deps, act)
    expect(await approveRequest(estate.deps, act)).toEqual(first)
    expect(refusalsOf(estate, 'mallory')).toEqual(['not_allowed'])
  })

  test('INV-22 across a restart', async () => {
    const asked = await signRequest(estate)
    const first = must(await requestAccess(estate.deps, asked.input))
    await estate.restart()
    expect(must(await requestAccess(estate.deps, asked.input))).toEqual(first)
  })
})

describe('an act is refused, entered once and counted for nothing, when its nonce', () => {
  const approveWith = async (nonce: string, code: string) => {
    const asked = await request(estate)
    const act = await sign(estate, 'bob', 'approve', { ...asked, body: {}, nonce })
    expect(await approveRequest(estate.deps, act)).toMatchObject({ error: { code } })
    expect(phaseOf(estate, asked.grant)).toBe('pending')
    expect(refusalsOf(estate, 'bob')).toEqual([code])
  }

  test('INV-7 was used by another act', async () => {
    const asked = await request(estate, { entitlement: 'payments-db-admin' })
    const { grant, termsDigest } = asked
    const nonce = nonceFor(estate.deps, 'bob', 'deny', grant, termsDigest)
    const deny = { grant, termsDigest, nonce }
    const first = await sign(estate, 'bob', 'deny', { ...deny, body: {} })
    const note = blobOf('and another thing')
    const body = { noteCommitment: note.commitment }
    const second = await sign(estate, 'bob', 'deny', { ...deny, body, blobs: [note] })
    must(await denyRequest(estate.deps, first))
    expect(await denyRequest(estate.deps, second)).toMatchObject({
      error: { code: 'nonce_used' },
    })
    expect(refusalsOf(estate, 'bob')).toEqual(['nonce_used'])
  })

  test('INV-7 was spent on an act that was refused', async () => {
    const { grant, termsDigest } = await request(estate)
    const nonce = nonceFor(estate.deps, 'bob', 'revoke', grant, termsDigest)
    const about = { grant, termsDigest, nonce }
    const note = blobOf('stop')
    const body = { noteCommitment: note.commitment }
    for (const act of [
      await sign(estate, 'bob', 'revoke', { ...about, body: {} }),
      await sign(estate, 'bob', 'revoke', { ...about, body, blobs: [note] }),
    ])
      await revokeGrant(estate.deps, act)
    expect(refusalsOf(estate, 'bob')).toEqual(['wrong_phase', 'nonce_used'])
  })

  test('was never given by this server', () => approveWith('A'.repeat(72), 'bad_nonce'))

  test('was given to somebody else', async () => {
    const asked = await request(estate)
    const { grant, termsDigest } = asked
    const nonce = nonceFor(estate.deps, 'cy', 'approve', grant, termsDigest)
    const act = await sign(estate, 'bob', 'approve', { ...asked, body: {}, nonce })
    expect(await approveRequest(estate.deps, act)).toMatchObject({
      error: { code: 'bad_nonce' },
    })
  })

  test('belongs to another origin of the log', async () => {
    const { grant, termsDigest } = await request(estate)
    const origin = 'example.test/log/e2'
    const nonces = createNonces(estate.deps.random, seedOf('mac'))
    const scope = {
      verb: 'approve',
      grant,
      termsDigest,
      person: person('bob'),
      origin,
    } as const
    await approveWith(nonces.issue(scope, estate.deps.clock.now()), 'bad_nonce')
  })

  test('TM-08 is five minutes old to the millisecond', async () => {
    const asked = await request(estate)
    const act = await signApproval(estate, 'bob', asked)
    estate.time.pass(300_000)
    expect(await approveRequest(estate.deps, act)).toMatchObject({
      error: { code: 'nonce_expired' },
    })
  })
})

test('an act of another estate is refused as that, and entered once', async () => {
  const asked = await request(estate)
  const lie = { estate: 'elsewhere' }
  const act = await sign(estate, 'bob', 'approve', { ...asked, body: {}, lie })
  expect(await approveRequest(estate.deps, act)).toMatchObject({
    error: { code: 'other_estate' },
  })
  expect(refusalsOf(estate, 'bob')).toEqual(['other_estate'])
})

test('what mallory signs in another’s name is counted and never entered', async () => {
  const asked = await request(estate)
  const size = sizeOf()
  const forged = await sign(estate, 'bob', 'approve', {
    ...asked,
    body: {},
    signer: signerOf('mallory'),
  })
  expect(await approveRequest(estate.deps, forged)).toMatchObject({
    error: { code: 'unknown_key' },
  })
  expect(sizeOf()).toBe(size)
  await workOff(estate)
  estate.time.pass(60_000)
  await workOff(estate)
  const summary = entriesOf(estate, 'log').find(({ kind }) => kind === 'refusals')
  expect(summary).toMatchObject({ counts: { unknown_key: 1 } })
})

test('TM-07 the client’s clock is on record and decides nothing', async () => {
  const asked = await request(estate)
  estate.time.pass(900_000)
  const lie = { at: estate.deps.clock.now() - 900_000 }
  const act = await sign(estate, 'bob', 'approve', { ...asked, body: {}, lie })
  expect(await approveRequest(estate.deps, act)).toMatchObject({
    error: { code: 'too_late' },
  })
  const entries = estate.deps.view().entries(-1, 500)
  const times = entries.map(({ entry }) => entry.at)
  expect(times).toEqual(times.toSorted((one, other) => one - other))
})

test('AU-08 a flood of refused acts is thirty entries a minute and the rest counts', async () => {
  const asked = await request(estate)
  const acts = await Promise.all(
    Array.from({ length: 40 }, () => signApproval(estate, 'mallory', asked)),
  )
  await Promise.all(acts.map((act) => approveRequest(estate.deps, act)))
  expect(refusalsOf(estate, 'mallory')).toHaveLength(refusalsPerMinute)
  estate.time.pass(60_000)
  await workOff(estate)
  const summary = entriesOf(estate, 'log').find(({ kind }) => kind === 'refusals')
  expect(summary).toMatchObject({ counts: { not_allowed: 10 } })
})

type Send = (
  deps: Deps,
  input: ActInput,
) => Promise<{ ok: boolean; error?: unknown; value?: ActAnswer }>

const digest = `sha256:${'0'.repeat(64)}` as const
const note = blobOf('a note')
const withNote = { noteCommitment: note.commitment }

/** One refusable act for each verb: a new verb does not compile until it is here. */
const oneOfEach: { [V in Verb]: [Send, Partial<ActBody[V]>] } = {
  request: [requestAccess, {}],
  approve: [approveRequest, {}],
  deny: [denyRequest, {}],
  withdraw: [withdrawRequest, {}],
  activate: [activateGrant, { sealTo }],
  revoke: [revokeGrant, {}],
  return: [returnGrant, {}],
  reveal: [revealCredential, { target: 'payments-pg', sealTo }],
  attest: [attestAbsence, { target: 'payments-pg', ...withNote }],
  review: [
    reviewGrant,
    { finding: 'justified', evidenceDigest: digest, followUps: [], ...withNote },
  ],
  open_incident: [
    openIncident,
    {
      incident: 'inc-9',
      severity: 1,
      systems: ['payments-db'],
      titleCommitment: note.commitment,
    },
  ],
  close_incident: [closeIncident, { incident: 'inc-1' }],
  propose_policy: [
    (deps, input) => proposePolicy(deps, { ...input, bundle: exampleFiles }),
    { bundleDigest: digest },
  ],
  approve_policy: [approvePolicy, { bundleDigest: digest }],
  invite: [
    invitePrincipal,
    { person: person('eve'), kind: 'human', owner: null, codeDigest: digest },
  ],
}

/** Verbs that speak of no grant. */
const ofTheEstate = [
  'open_incident',
  'close_incident',
  'propose_policy',
  'approve_policy',
  'invite',
]

describe('AU-08 AP-28', () => {
  test.each(Object.entries(oneOfEach))(
    '%s by someone without the right is refused, entered once, and moves nothing',
    async (verb, [send, body]) => {
      const { grant, termsDigest, terms } = await activeGrant(estate)
      const size = sizeOf()
      const act = await sign(estate, 'mallory', verb as Verb, {
        ...(ofTheEstate.includes(verb) ? {} : { grant, termsDigest }),
        body: (verb === 'request' ? { terms } : body) as never,
      })
      expect(await send(estate.deps, act)).toMatchObject({ ok: false })
      expect(refusalsOf(estate, 'mallory')).toHaveLength(1)
      expect(sizeOf()).toBe(size + 1)
      expect(phaseOf(estate, grant)).toBe('active')
    },
  )

  test('AP-28 nobody, whatever the role, has a verb that approves without the quorum', async () => {
    const asked = await request(estate, { entitlement: 'payments-db-admin' })
    const { grant, termsDigest } = asked
    for (const by of ['dee', 'cy'] as const)
      for (const [verb, [send, body]] of Object.entries(oneOfEach)) {
        if (['deny', 'request', 'invite', 'close_incident'].includes(verb)) continue
        const about = ofTheEstate.includes(verb) ? {} : { grant, termsDigest }
        const parts = { ...about, body: body as never }
        await send(estate.deps, await sign(estate, by, verb as Verb, parts))
      }
    expect(phaseOf(estate, grant)).toBe('pending')
  })
})
