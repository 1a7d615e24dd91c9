import type { Instant, ReceiptDetail } from '@halligan/core'
import { payloadTypes, sealEnvelope } from '@halligan/ledger'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  must,
  openEstate,
  person,
  sign,
  signerOf,
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
  jwe,
  kindsOf,
  phaseOf,
  report,
  sealTo,
  signReceipt,
} from '../../test/flow-kit.ts'
import { readSealed } from './read-grants.ts'
import { recordReceipt } from './record-receipt.ts'
import { revealCredential } from './reveal-credential.ts'
import { revokeGrant } from './revoke-grant.ts'

let estate: TestEstate
let asked: Asked
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
  asked = await activeGrant(estate)
})
afterEach(() => estate.close())

const subject = () => `grant/${asked.grant}`

test('INV-2 what was sealed is given out once its exposure is entered, to the requester alone', async () => {
  expect(readSealed(estate.deps, person('ada'), asked.grant, 'payments-pg')).toMatchObject({
    error: { code: 'not_sealed' },
  })
  must(await report(estate, asked.grant, applied))
  expect(kindsOf(estate, subject()).slice(-2)).toEqual(['reported', 'exposed'])
  expect(
    must(readSealed(estate.deps, person('ada'), asked.grant, 'payments-pg')),
  ).toMatchObject({ jwe, revealId: 'r-1' })
  expect(readSealed(estate.deps, person('bob'), asked.grant, 'payments-pg')).toMatchObject({
    error: { code: 'not_requester' },
  })
})

test('the same receipt again has the place it had', async () => {
  const input = signReceipt(estate, asked.grant, { kind: 'unknown' })
  const first = must(await recordReceipt(estate.deps, input))
  const size = estate.deps.view().head().size
  expect(must(await recordReceipt(estate.deps, input))).toEqual(first)
  expect(estate.deps.view().head().size).toBe(size)
})

describe('a receipt is refused, and enters nothing,', () => {
  const refused = async (input: ReturnType<typeof signReceipt>, code: string) => {
    const size = estate.deps.view().head().size
    expect(await recordReceipt(estate.deps, input)).toMatchObject({ error: { code } })
    expect(estate.deps.view().head().size).toBe(size)
  }

  test('by another enforcer’s name', () =>
    refused(
      signReceipt(estate, asked.grant, absent, { enforcer: 'enf-else' }),
      'unknown_enforcer',
    ))

  test('of another estate', () =>
    refused(
      signReceipt(estate, asked.grant, absent, { estate: 'elsewhere' }),
      'other_estate',
    ))

  test('for a target that the roster does not give to the enforcer', () =>
    refused(
      signReceipt(estate, asked.grant, absent, { target: 'hr-pg' }),
      'unknown_target',
    ))

  test('with a hole before it', () =>
    refused(signReceipt(estate, asked.grant, absent, { seq: 7 }), 'bad_receipt'))

  test('that chains to another one', async () => {
    must(await report(estate, asked.grant, { kind: 'unknown' }))
    const prevReceiptDigest = `sha256:${'1'.repeat(64)}` as const
    await refused(
      signReceipt(estate, asked.grant, absent, { prevReceiptDigest }),
      'bad_receipt',
    )
  })

  test('under a number that another one has', async () => {
    must(await report(estate, asked.grant, { kind: 'unknown' }))
    const lie = { seq: 1, prevReceiptDigest: null }
    await refused(signReceipt(estate, asked.grant, absent, lie), 'bad_receipt')
  })

  test('signed by somebody else', async () => {
    const { receipt } = signReceipt(estate, asked.grant, absent)
    const value = JSON.parse(Buffer.from(receipt.payload, 'base64').toString())
    const forged = sealEnvelope(payloadTypes.receipt, value, signerOf('mallory'))
    await refused({ receipt: forged, blobs: [] }, 'bad_signature')
  })

  test('without the credential that it says it sealed, or with another', async () => {
    const { sealed, ...bare } = signReceipt(estate, asked.grant, applied)
    await refused(bare, 'bad_receipt')
    await refused({ ...bare, sealed: { jwe: 'other', revealId: 'r-1' } }, 'bad_receipt')
    must(await recordReceipt(estate.deps, { ...bare, ...(sealed ? { sealed } : {}) }))
  })
})

describe('what no grant explains is drift on the target’s own record', () => {
  test.each<[string, ReceiptDetail]>([
    ['no probe', { kind: 'absent', probes: [], alreadyAbsent: false }],
    [
      'a probe that still shows it',
      {
        kind: 'absent',
        probes: [...gone, { probe: 'pg_stat_activity', absent: false, at: 0 as Instant }],
        alreadyAbsent: false,
      },
    ],
    ['a rotation that no endpoint refused', { kind: 'rotated', probes: [] }],
  ])('EN-10 INV-9 an absence claimed on %s', async (_, claim) => {
    must(await report(estate, asked.grant, applied))
    must(await report(estate, asked.grant, claim))
    expect(estate.deps.view().grant(asked.grant)).toMatchObject({
      phase: 'active',
      targets: [{ phase: 'applied', exposure: 'exposed' }],
    })
    expect(entriesOf(estate, 'target/payments-pg')).toMatchObject([
      { kind: 'drift', what: `unexplained_${claim.kind}` },
    ])
  })

  test('a role that no order made', async () => {
    const text = blobOf('CREATE ROLE backdoor')
    const drifted = { kind: 'drifted', what: 'role', object: text.commitment } as const
    must(await recordReceipt(estate.deps, signReceipt(estate, null, drifted, {}, [text])))
    expect(entriesOf(estate, 'target/payments-pg')).toMatchObject([
      { kind: 'drift', what: 'role', actor: 'enforcer/enf-payments' },
    ])
    expect(estate.deps.view().blob(text.commitment)).toMatchObject({ text: text.text })
  })

  test('an order that was never given, and the chain goes on after it', async () => {
    const lie = { orderDigest: `sha256:${'2'.repeat(64)}` as const }
    must(await report(estate, asked.grant, absent, lie))
    expect(entriesOf(estate, 'target/payments-pg')).toMatchObject([
      { kind: 'drift', what: 'unexplained_absent' },
    ])
    expect(phaseOf(estate, asked.grant)).toBe('active')
    must(await report(estate, asked.grant, applied))
  })
})

test('a grant that every enforcer refused is over, and comes under review', async () => {
  must(await report(estate, asked.grant, { kind: 'refused', codes: ['guard_route'] }))
  expect(phaseOf(estate, asked.grant)).toBe('under_review')
  expect(kindsOf(estate, subject()).slice(-2)).toEqual(['reported', 'returned'])
})

test('INV-8 absence is absorbing, whatever is reported after', async () => {
  const act = await sign(estate, 'bob', 'revoke', { grant: asked.grant, body: {} })
  must(await revokeGrant(estate.deps, act))
  must(await report(estate, asked.grant, absent))
  must(await report(estate, asked.grant, applied))
  expect(estate.deps.view().grant(asked.grant)).toMatchObject({
    phase: 'under_review',
    targets: [{ phase: 'absent' }],
  })
})

describe('a lost key', () => {
  const reveal = async (by: 'ada' | 'bob', target = 'payments-pg') => {
    const body = { target, sealTo }
    const act = await sign(estate, by, 'reveal', { grant: asked.grant, body })
    return await revealCredential(estate.deps, act)
  }

  test('has a new password sealed, under the same deadline', async () => {
    const before = estate.deps.view().grant(asked.grant)
    must(await reveal('ada'))
    expect(kindsOf(estate, subject()).slice(-2)).toEqual(['reveal_asked', 'ordered'])
    expect(entriesOf(estate, subject()).at(-1)).toMatchObject({ op: 'reseal' })
    expect(estate.deps.view().grant(asked.grant)).toEqual(before)
  })

  test('is the requester’s alone to replace', async () => {
    expect(await reveal('bob')).toMatchObject({ error: { code: 'not_requester' } })
    expect(await reveal('ada', 'payments-replica')).toMatchObject({
      error: { code: 'unknown_target' },
    })
  })
})
