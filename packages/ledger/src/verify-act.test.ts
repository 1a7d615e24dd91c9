import type { Act, Digest, Verb } from '@halligan/core'
import { describe, expect, it, test } from 'vitest'
import { digestOf } from './digest.ts'
import { nodeCrypto as crypto } from './node.ts'
import {
  actOf,
  after,
  genesis,
  grant,
  sealTo,
  signAct,
  signerOf,
  start,
  terms,
} from './testing.ts'
import { verifyAct } from './verify-act.ts'

const termsDigest = digestOf(crypto, terms)
const digest: Digest = `sha256:${'0'.repeat(64)}`
const about = { grant, termsDigest }
const verify = (act: Act, signer = signerOf(act.by)) =>
  verifyAct(crypto, signAct(act, signer), genesis, start)

const good: readonly Act[] = [
  actOf('request', 'ada', { terms }, about),
  actOf('approve', 'bob', {}, about),
  actOf('deny', 'bob', { noteCommitment: digest }, about),
  actOf('withdraw', 'ada', {}, { grant }),
  actOf('activate', 'ada', { sealTo }, about),
  actOf('revoke', 'bob', {}, { grant }),
  actOf('return', 'ada', {}, about),
  actOf('reveal', 'ada', { target: 'payments-pg', sealTo }, { grant }),
  actOf('attest', 'bob', { target: 'payments-pg', noteCommitment: digest }, { grant }),
  actOf(
    'review',
    'dee',
    { finding: 'justified', evidenceDigest: digest, followUps: [], noteCommitment: digest },
    { grant },
  ),
  actOf('open_incident', 'ada', {
    incident: 'inc-1',
    severity: 1,
    systems: [],
    titleCommitment: digest,
  }),
  actOf('close_incident', 'ada', { incident: 'inc-1' }),
  actOf('propose_policy', 'ada', { bundleDigest: digest }),
  actOf('approve_policy', 'bob', { bundleDigest: digest }),
  actOf('invite', 'ada', {
    person: terms.requester,
    kind: 'human',
    owner: null,
    codeDigest: digest,
  }),
]

describe('an act', () => {
  test.each(good.map((act) => [act.verb, act] as const))('to %s is verified', (_, act) => {
    expect(verify(act)).toMatchObject({
      ok: true,
      value: { act, principal: { person: act.by }, key: { keyId: act.keyId } },
    })
  })

  test.each(good.map((act) => [act.verb, act] as const))(
    'to %s holds nothing else',
    (_, act) => {
      const bent = [
        { ...act, extra: 1 },
        { ...act, body: { ...act.body, extra: 1 } },
        { ...act, at: 0.5 },
        { ...act, nonce: undefined },
        { ...act, type: 'halligan/act/v2' },
      ]
      for (const one of bent) {
        const { nonce, ...rest } = one
        const sent = nonce === undefined ? rest : one
        expect(verify(sent as Act)).toMatchObject({ error: { code: 'malformed_act' } })
      }
    },
  )

  const [request, approve] = good as [Act, Act]
  const needsGrant: readonly Verb[] = ['request', 'approve', 'deny', 'activate']

  test.each<[string, Act, string]>([
    ['of another estate', { ...approve, estate: 'other' }, 'other_estate'],
    ['by nobody known', { ...approve, by: 'eve' as Act['by'] }, 'unknown_principal'],
    ['with a key of another', { ...approve, keyId: signerOf('cy').keyId }, 'unknown_key'],
    [
      'RQ-04 with privileges that are a pattern',
      bent({ privileges: ['role:*'] }),
      'malformed_act',
    ],
    [
      'with privileges out of order',
      bent({ privileges: ['role:b', 'role:a'] }),
      'malformed_act',
    ],
    ['that digests other terms', { ...request, termsDigest: digest }, 'malformed_act'],
    [
      'that carries terms of another grant',
      { ...request, grant: `g-${'b'.repeat(26)}` } as Act,
      'malformed_act',
    ],
    ['of an unknown verb', { ...approve, verb: 'own' } as unknown as Act, 'malformed_act'],
    [
      'whose verb is inherited',
      { ...approve, verb: 'toString' } as unknown as Act,
      'malformed_act',
    ],
  ])('%s is refused', (_, act, code) => {
    expect(verify(act, signerOf('bob'))).toMatchObject({ ok: false, error: { code } })
  })

  it('INV-12 by mallory in the name of bob is refused', () => {
    const forged = { ...signerOf('mallory'), keyId: signerOf('bob').keyId }
    expect(verify(approve, forged)).toMatchObject({ error: { code: 'bad_signature' } })
  })

  it('INV-5 about terms names them', () => {
    for (const act of good.filter(({ verb }) => needsGrant.includes(verb))) {
      const { termsDigest: _, ...without } = act
      expect(verify(without as Act)).toMatchObject({ error: { code: 'malformed_act' } })
    }
  })

  it('of approval waits for a new key to cool down', () => {
    const people = genesis.people.map((one) => ({
      ...one,
      keys: one.keys.map((key) => ({ ...key, approvesFrom: after(10) })),
    }))
    const at = (seconds: number, act: Act) =>
      verifyAct(crypto, signAct(act), { ...genesis, people }, after(seconds)).ok
    expect([at(9, approve), at(10, approve), at(9, request)]).toEqual([false, true, true])
  })
})

function bent(target: { privileges: readonly string[] }): Act {
  const changed = { ...terms, targets: terms.targets.map((one) => ({ ...one, ...target })) }
  return actOf(
    'request',
    'bob',
    { terms: changed },
    { grant, termsDigest: digestOf(crypto, changed) },
  )
}
