import type { Envelope, PrincipalId, Roster } from '@halligan/core'
import { describe, expect, it, test } from 'vitest'
import { payloadDigest, payloadTypes, sealEnvelope } from './envelope.ts'
import { nodeCrypto as crypto } from './node.ts'
import { readRoster, verifyRosterChain, withoutStrays } from './roster.ts'
import { genesis, nextRoster, pubOf, signerOf, signRoster } from './testing.ts'

const first = signRoster(genesis)
const second = nextRoster([first], genesis, {})
const third = nextRoster([first, second.envelope], second.roster, { threshold: 1 })
const chain = [first, second.envelope, third.envelope]
const pin = (envelope: Envelope) => ({ digest: payloadDigest(crypto, envelope) })
const follow = (rosters: readonly Envelope[], pinned = first) =>
  verifyRosterChain(crypto, rosters, pin(pinned))

const cyKey = { keyId: signerOf('trustee cy').keyId, key: pubOf(signerOf('trustee cy')) }

describe('a roster chain', () => {
  it('leads from the pinned version to the latest', () => {
    const followed = follow(chain)
    expect(followed.ok && followed.value.rosters.map(({ version }) => version)).toEqual([
      1, 2, 3,
    ])
    expect(followed.ok && followed.value.digests[0]).toBe(pin(first).digest)
  })

  it('may start after genesis, at the pin or before it', () => {
    expect(follow(chain.slice(1), second.envelope).ok).toBe(true)
    expect(follow(chain, third.envelope).ok).toBe(true)
  })

  test.each<[string, readonly Envelope[], string]>([
    ['nothing', [], 'broken_chain'],
    ['a version left out', [first, third.envelope], 'broken_chain'],
    ['versions out of order', [second.envelope, first], 'broken_chain'],
    [
      'a chain without the pinned version',
      [second.envelope, third.envelope],
      'untrusted_roster',
    ],
    ['too few trustees', [first, signRoster(second.roster, ['cy'])], 'too_few_trustees'],
    [
      'INV-4 one trustee signing twice',
      [first, signRoster(second.roster, ['cy', 'cy'])],
      'too_few_trustees',
    ],
    ['strangers', [first, signRoster(second.roster, ['mallory'])], 'bad_signature'],
    [
      'another predecessor',
      [first, signRoster({ ...second.roster, prevDigest: pin(third.envelope).digest })],
      'broken_chain',
    ],
    [
      'another estate',
      [first, signRoster({ ...second.roster, estate: 'other' })],
      'other_estate',
    ],
    [
      'a genesis with a predecessor',
      [signRoster({ ...genesis, prevDigest: pin(first).digest })],
      'broken_chain',
    ],
    [
      'another payload type',
      [sealEnvelope(payloadTypes.act, genesis)],
      'wrong_payload_type',
    ],
  ])('refuses %s', (_, rosters, code) => {
    expect(follow(rosters)).toMatchObject({ ok: false, error: { code } })
  })

  it('lets the old trustees, and not the new ones, decide who succeeds them', () => {
    const trustees = [
      {
        person: 'mallory' as PrincipalId,
        keyId: signerOf('trustee mallory').keyId,
        key: pubOf(signerOf('trustee mallory')),
      },
    ]
    const coup: Roster = { ...second.roster, trustees, threshold: 1 }
    expect(follow([first, signRoster(coup, ['mallory'])]).ok).toBe(false)
    expect(follow([first, signRoster(coup, ['cy', 'dee'])]).ok).toBe(true)
  })
})

describe('a roster contradicts itself', () => {
  const twoKeys = [
    { person: 'cy' as PrincipalId, ...cyKey },
    { person: 'dee' as PrincipalId, ...cyKey },
  ]
  test.each<[string, Partial<Roster>]>([
    ['when two people share a key', { trustees: twoKeys }],
    [
      'when a key bears another id',
      {
        issuers: [
          { ...genesis.issuers[0], keyId: cyKey.keyId } as Roster['issuers'][number],
        ],
      },
    ],
    ['when the threshold cannot be reached', { threshold: 3 }],
    ['when a person is listed twice', { people: [...genesis.people, ...genesis.people] }],
    [
      'when a group names a stranger',
      { approverGroups: { leads: ['eve' as PrincipalId] } },
    ],
    [
      'when an owner is a stranger',
      {
        people: [
          {
            person: 'bot' as PrincipalId,
            kind: 'agent',
            owner: 'eve' as PrincipalId,
            keys: [],
          },
        ],
        approverGroups: {},
      },
    ],
    [
      'SAFE MODE: when a log is closed at a size and at no root',
      { logs: [{ ...genesis.logs[0], toSize: 3 } as Roster['logs'][number]] },
    ],
    [
      "when a log's key is another's",
      { logs: [{ ...genesis.logs[0], origin: 'other.test' } as Roster['logs'][number]] },
    ],
  ])('%s', (_, change) => {
    expect(readRoster(crypto, signRoster({ ...genesis, ...change }))).toMatchObject({
      ok: false,
      error: { code: 'contradictory_roster' },
    })
  })

  it('and one with an unknown field is not read at all', () => {
    const odd = signRoster({ ...genesis, admin: 'mallory' } as Roster)
    expect(readRoster(crypto, odd)).toMatchObject({ error: { code: 'misshapen' } })
  })

  it('but a trustee may act with the key that signs rosters', () => {
    const people = genesis.people.map((one) =>
      one.person === 'cy'
        ? {
            ...one,
            keys: one.keys.map((key) => ({ ...key, keyId: cyKey.keyId, pub: cyKey.key })),
          }
        : one,
    )
    expect(readRoster(crypto, signRoster({ ...genesis, people })).ok).toBe(true)
  })
})

test('signatures that count for nothing are left out, and the digest stays', () => {
  const { envelope } = second
  const [stray] = signRoster(second.roster, ['mallory']).signatures
  const [own] = envelope.signatures
  const more = { ...envelope, signatures: [stray, ...envelope.signatures, own] } as Envelope
  expect(withoutStrays(more, genesis)).toEqual(envelope)
  expect(pin(withoutStrays(more, genesis))).toEqual(pin(envelope))
})
