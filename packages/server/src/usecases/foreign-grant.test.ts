import type { ReceiptDetail } from '@halligan/core'
import { payloadDigest, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  edited,
  estateName,
  must,
  openEstate,
  person,
  pubOf,
  replica,
  sign,
  signerOf,
  type TestEstate,
  target,
} from '../../test/estate-kit.ts'
import {
  type Asked,
  absent,
  activeGrant,
  applied,
  approve,
  declareIncident,
  entriesOf,
  kindsOf,
  nextRoster,
  noticesOf,
  phaseOf,
  report,
  request,
  sealTo,
  signReceipt,
  signRequest,
  workOff,
} from '../../test/flow-kit.ts'
import { readSealed } from './read-grants.ts'
import { recordReceipt } from './record-receipt.ts'
import { requestAccess } from './request-access.ts'
import { returnGrant } from './return-grant.ts'
import { revealCredential } from './reveal-credential.ts'
import { revokeGrant } from './revoke-grant.ts'
import { withdrawRequest } from './withdraw-request.ts'

let estate: TestEstate
const open = async (...options: Parameters<typeof openEstate>) => {
  estate = await openEstate(...options)
  await declareIncident(estate)
}
beforeEach(() => open())
afterEach(() => estate.close())

describe('EN-13 somebody else’s grant, by its right id', () => {
  test.each([
    ['return', returnGrant, {}, 'not_requester'],
    ['revoke', revokeGrant, {}, 'not_allowed'],
    ['reveal', revealCredential, { target, sealTo }, 'not_requester'],
  ] as const)('is not mallory’s to %s', async (verb, use, body, code) => {
    const { grant } = await activeGrant(estate)
    const act = await sign(estate, 'mallory', verb, { grant, body: body as never })
    expect(await use(estate.deps, act)).toMatchObject({ error: { code } })
    expect(phaseOf(estate, grant)).toBe('active')
  })

  test('is not mallory’s to withdraw, nor its credential hers to read', async () => {
    const asked = await request(estate)
    const act = await sign(estate, 'mallory', 'withdraw', { ...asked, body: {} })
    expect(await withdrawRequest(estate.deps, act)).toMatchObject({
      error: { code: 'not_requester' },
    })
    must(await approve(estate, 'bob', asked))
    const { grant } = await activeGrant(estate)
    must(await report(estate, grant, applied))
    expect(readSealed(estate.deps, person('mallory'), grant, target)).toMatchObject({
      error: { code: 'not_requester' },
    })
  })

  test('is not ended by an enforcer of another target, whatever it reports of it', async () => {
    must(
      await nextRoster(estate, ({ enforcers }) => {
        const { keyId } = signerOf('enf-other')
        const key = pubOf(signerOf('enf-other'))
        return {
          enforcers: [...enforcers, { id: 'enf-other', keyId, key, targets: ['other-db'] }],
        }
      }),
    )
    const { grant } = await activeGrant(estate)
    must(await report(estate, grant, applied))
    const lies: readonly ReceiptDetail[] = [{ kind: 'ending', cause: 'local_root' }, absent]
    for (const [seq, detail] of lies.entries()) {
      const last = estate.deps.view().lastReceipt('enf-other')
      const told = {
        type: 'halligan/receipt/v1',
        estate: estateName,
        enforcer: 'enf-other',
        seq: seq + 1,
        prevReceiptDigest: last?.digest ?? null,
        orderDigest: null,
        orderIndex: null,
        grant,
        target: 'other-db',
        checkpointSeen: null,
        at: estate.deps.clock.now(),
        detail,
      } as const
      const receipt = sealEnvelope(
        payloadTypes.receipt,
        told as never,
        signerOf('enf-other'),
      )
      must(await recordReceipt(estate.deps, { receipt, blobs: [] }))
    }
    expect(phaseOf(estate, grant)).toBe('active')
    expect(entriesOf(estate, 'target/other-db').map(({ kind }) => kind)).toEqual([
      'drift',
      'drift',
    ])
  })
})

test('AC-10 however many one person asks for at once, no more than the cap is left', async () => {
  const asked: Asked[] = []
  for (let n = 0; n < 30; n++) asked.push(await signRequest(estate, { lifeSeconds: 60 }))
  const answers = await Promise.all(
    asked.map(({ input }) => requestAccess(estate.deps, input)),
  )
  const standing = estate.deps.view().grants({ requester: person('ada') }, null, 50)
  // The example's policy allows three on one system.
  expect(standing.items).toHaveLength(3)
  const codes = answers.flatMap((answer) => (answer.ok ? [] : [answer.error.code]))
  expect(new Set(codes)).toEqual(new Set(['route_closed']))
})

describe('one grant on two targets', () => {
  const two = () =>
    edited(
      'estate.yaml',
      'privileges: ["role:payments_repair"]',
      `privileges: ["role:payments_repair"]
      - target: ${replica}
        enforcer: enf-payments
        privileges: ["role:payments_repair"]`,
    )
  beforeEach(async () => {
    await estate.close()
    await open({ files: two() })
  })

  test('C-10 half applied when the server dies: each target is an obligation of its own', async () => {
    const { grant } = await activeGrant(estate)
    must(await report(estate, grant, applied))
    await estate.restart()
    estate.time.pass(600_000)
    await workOff(estate)
    expect(
      entriesOf(estate, `grant/${grant}`)
        .filter(({ op }) => op === 'end')
        .map((entry) => entry.target),
    ).toEqual([target, replica])
    must(await report(estate, grant, absent))
    await estate.restart()
    estate.time.pass(60_000)
    await workOff(estate)
    expect(estate.deps.view().grant(grant)).toMatchObject({
      phase: 'expired',
      targets: [
        { target, phase: 'absent', overdue: null },
        { target: replica, phase: 'revoking', overdue: { since: expect.any(Number) } },
      ],
    })
    expect(noticesOf(estate, grant, 'access_not_ended')).toHaveLength(3)
    must(await report(estate, grant, absent, { target: replica }))
    expect(phaseOf(estate, grant)).toBe('under_review')
  })
})

describe('receipts that come twice, or in another order', () => {
  test('Q-01 ten times the same is entered once, and has one place', async () => {
    const { grant } = await activeGrant(estate)
    const input = signReceipt(estate, grant, applied)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => recordReceipt(estate.deps, input)),
    )
    expect(new Set(answers.map((answer) => must(answer).index)).size).toBe(1)
    expect(
      kindsOf(estate, `grant/${grant}`).filter((kind) => kind === 'reported'),
    ).toHaveLength(1)
  })

  test('Q-02 one that overtakes the one before it waits until that came', async () => {
    const { grant } = await activeGrant(estate)
    const first = signReceipt(estate, grant, { kind: 'ending', cause: 'order' })
    const second = signReceipt(estate, grant, absent, {
      seq: 2,
      prevReceiptDigest: payloadDigest(nodeCrypto, first.receipt),
    })
    expect(await recordReceipt(estate.deps, second)).toMatchObject({
      error: { code: 'bad_receipt' },
    })
    expect(phaseOf(estate, grant)).toBe('active')
    for (const input of [first, second]) must(await recordReceipt(estate.deps, input))
    expect(phaseOf(estate, grant)).toBe('under_review')
  })

  test('Q-02 INV-8 an apply that is told after its end opens nothing again', async () => {
    const { grant } = await activeGrant(estate)
    must(await report(estate, grant, { kind: 'ending', cause: 'order' }))
    must(await report(estate, grant, applied))
    expect(estate.deps.view().grant(grant)).toMatchObject({
      phase: 'revoked',
      targets: [{ phase: 'revoking' }],
    })
  })
})
