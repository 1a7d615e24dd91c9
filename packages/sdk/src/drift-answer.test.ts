import type { DriftAnswer } from '@halligan/contract'
import type { Json, Roster } from '@halligan/core'
import { payloadTypes, readEnvelope, type Signer, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto as crypto, generateSigner } from '@halligan/ledger/node'
import { beforeEach, expect, test } from 'vitest'
import { verifyDriftAnswer } from './drift-answer.ts'
import { estate, now, PaperServer, paperText, target } from './testing-server.ts'

let server: PaperServer
let rosters: readonly Roster[]
const object = paperText('foreign_login "eve"')

beforeEach(() => {
  server = new PaperServer()
  rosters = server.rosters.flatMap((envelope) => {
    const read = readEnvelope<Roster>(payloadTypes.roster, envelope)
    return read.ok ? [read.value.value] : []
  })
})

/** The record of a target with one finding, as a server would enter it that has the receipt from `by`. */
function answer(by: Signer, { what = 'foreign_login', of = target } = {}): DriftAnswer {
  const receipt = sealEnvelope(
    payloadTypes.receipt,
    {
      ...{ type: 'halligan/receipt/v1', estate, enforcer: 'enf-payments', seq: 1 },
      ...{ prevReceiptDigest: null, orderDigest: null, orderIndex: null, grant: null },
      ...{ target: of, checkpointSeen: null, at: now },
      detail: { kind: 'drifted', what: 'foreign_login', object: object.commitment },
    },
    by,
  )
  const entry = server.append({
    ...{ kind: 'drift', subject: `target/${target}`, actor: 'enforcer/enf-payments' },
    ...{ target, what, receipt: receipt as unknown as Json },
  })
  const index = server.entries.indexOf(entry)
  return {
    targets: [{ target, entries: [{ index, entry }] }],
    blobs: [object],
    told: [{ index, urgency: 'page', to: ['bob'] }],
  } as unknown as DriftAnswer
}
const verified = (told: DriftAnswer, asked = [target]) =>
  verifyDriftAnswer(crypto, rosters, asked, told)
const deceived = (code: string) => ({ ok: false, error: { kind: 'deceived', code } })

test('what an enforcer of the roster signed is told in its words', () => {
  expect(verified(answer(server.enforcer))).toMatchObject({
    ok: true,
    value: [
      {
        ...{ target, enforcer: 'enf-payments', what: 'foreign_login', grant: null },
        ...{ object: 'foreign_login "eve"', told: { urgency: 'page', to: ['bob'] } },
      },
    ],
  })
})

test('INV-1 a finding that no enforcer of the target signed is not believed', () => {
  for (const by of [server.bob, generateSigner().signer])
    expect(verified(answer(by))).toMatchObject(deceived('receipt_unsigned'))
})

test('a finding under another name, or of another target, is not believed', () => {
  expect(verified(answer(server.enforcer, { what: 'connector_ready' }))).toMatchObject(
    deceived('receipt_of_another'),
  )
  expect(verified(answer(server.enforcer, { of: 'elsewhere' }))).toMatchObject(
    deceived('receipt_of_another'),
  )
})

test('a target that was asked for and is left out is noticed', () => {
  expect(verified(answer(server.enforcer), [target, 'billing-db'])).toMatchObject(
    deceived('other_entry'),
  )
})

test('a text that was erased, or kept back, is shown as none', () => {
  const told = answer(server.enforcer)
  const erased = [{ commitment: object.commitment, erased: true as const }]
  for (const blobs of [erased, []])
    expect(verified({ ...told, blobs } as DriftAnswer)).toMatchObject({
      value: [{ object: null }],
    })
})
