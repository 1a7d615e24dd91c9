import type { SyncAnswer } from '@halligan/contract'
import type { GrantId, Instant, OpenOrder, PrincipalId } from '@halligan/core'
import { digestOf, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import { describe, expect, test } from 'vitest'
import { beaconOf, type Forgery, sealKeyNamed } from '../test/estate.ts'
import { grantNamed } from '../test/host.ts'
import { codes, pass, sync, told, type World, world } from '../test/world.ts'
import { mostUnopened } from './sync.ts'

const ada = grantNamed('a')
const admin = ['role:payments_admin']

/** Nothing was done to the target, and the refusal names the check that failed. */
async function expectNothing(it: World, ...named: string[]): Promise<void> {
  await sync(it)
  await pass(it, 2000)
  expect(it.host.target.effects).toEqual([])
  expect(told(it)).toEqual(['refused'])
  expect(codes(it)).toEqual(expect.arrayContaining(named))
  expect(it.broken).toEqual([])
}

const withPrivileges = (order: OpenOrder): OpenOrder => ({ ...order, privileges: admin })

describe('a server modified to lie, with the real issuer and log keys, gets nothing opened', () => {
  type Lie = readonly [string, (it: World) => Forgery, string[]]
  const stories: readonly Lie[] = [
    [
      'swaps the privileges in the order',
      () => ({ order: withPrivileges }),
      ['outside_terms', 'privilege_not_guarded'],
    ],
    [
      'swaps the privileges in the decision and the order',
      () => ({
        order: withPrivileges,
        decision: (decision) => {
          const [target] = decision.terms.targets
          if (target === undefined) throw new Error('terms without a target')
          const targets = [{ ...target, privileges: admin }]
          const terms = { ...decision.terms, targets }
          return { ...decision, terms, termsDigest: digestOf(nodeCrypto, terms) }
        },
      }),
      ['digest_mismatch', 'other_terms', 'privilege_not_guarded'],
    ],
    [
      'swaps the sealing key',
      () => ({ order: (order) => ({ ...order, sealTo: sealKeyNamed('m') }) }),
      ['other_seal_key'],
    ],
    [
      "signs bob's approval with another key",
      ({ estate }) => ({
        approval: (about) => {
          const { mallory } = estate.keys
          const act = {
            ...{ type: 'halligan/act/v1', estate: 'example', verb: 'approve' },
            ...{ by: 'bob', keyId: estate.keys.bob.keyId, nonce: 'n0nce', at: 0, body: {} },
            ...about,
          }
          return sealEnvelope(payloadTypes.act, act, mallory)
        },
      }),
      ['bad_signature'],
    ],
    ['drops the approvals', () => ({ approvers: [] }), ['too_few_approvals']],
    [
      'counts one approver twice',
      () => ({
        approvers: ['bob', 'bob'],
        terms: { route: { name: 'quorum', approvals: 2, groups: ['payments-leads'] } },
      }),
      ['approver_repeated', 'too_few_approvals'],
    ],
    [
      "counts the requester's own approval",
      () => ({ approvers: ['ada'] }),
      ['approver_is_requester'],
    ],
    [
      "counts an approver outside the guard's group",
      () => ({ approvers: ['mallory'] }),
      ['not_an_approver'],
    ],
    [
      'takes the solo route, which the guard does not know, ada conspiring',
      () => ({
        terms: { route: { name: 'solo', approvals: 0, groups: [] } },
        approvers: [],
      }),
      ['route_not_guarded'],
    ],
    [
      'switches the route after the request',
      () => ({
        decision: (decision) => ({
          ...decision,
          terms: { ...decision.terms, route: { name: 'solo', approvals: 0, groups: [] } },
        }),
      }),
      ['digest_mismatch', 'route_not_guarded'],
    ],
    [
      'lengthens the life',
      () => ({
        order: (order) => ({ ...order, notAfter: (order.notAfter + 1000) as Instant }),
      }),
      ['outside_terms'],
    ],
    [
      'asks for a life above the guard, everybody conspiring',
      () => ({ terms: { lifeSeconds: 3601 } }),
      ['life_not_guarded'],
    ],
    [
      'asks for another entitlement, everybody conspiring',
      () => ({ terms: { entitlement: 'payments-db-admin' } }),
      ['entitlement_not_guarded'],
    ],
    [
      'signs with a key that is no issuer',
      () => ({ issuer: generateSigner().signer }),
      ['bad_signature'],
    ],
    [
      'names another requester',
      () => ({ terms: { requester: 'mallory' as PrincipalId } }),
      ['not_requester'],
    ],
    [
      'orders another enforcer',
      () => ({ order: (order) => ({ ...order, enforcer: 'enf-other' }) }),
      ['other_enforcer'],
    ],
  ]
  test.each(stories)('it %s', async (_, forge, named) => {
    const it = await world()
    it.estate.grant(ada, forge(it))
    await expectNothing(it, ...named)
  })

  type Twist = (it: World, answer: SyncAnswer) => SyncAnswer
  const answers: readonly (readonly [string, Twist, string[]])[] = [
    [
      "shows a roster of its own with bob's key swapped",
      ({ estate }, answer) => {
        const forged = estate.rosterOf(2, (roster) => ({
          ...roster,
          people: roster.people.map((one) =>
            one.person === 'bob' ? { ...one, keys: [] } : one,
          ),
        }))
        const { payload, payloadType } = forged
        const roster = JSON.parse(Buffer.from(payload, 'base64').toString())
        expect(payloadType).toBe(payloadTypes.roster)
        const unsigned = sealEnvelope(payloadTypes.roster, roster, estate.keys.mallory)
        return { ...answer, rosters: [...answer.rosters, unsigned] }
      },
      ['bad_signature', 'unproven_state'],
    ],
    [
      'shows no roster that was pinned',
      ({ estate }, answer) => ({
        ...answer,
        rosters: [
          sealEnvelope(
            payloadTypes.roster,
            JSON.parse(
              Buffer.from(
                estate.rosterOf(1, (roster) => ({
                  ...roster,
                  prevDigest: null,
                  threshold: 1,
                  approverGroups: {},
                })).payload,
                'base64',
              ).toString(),
            ),
            estate.keys.dee,
          ),
        ],
      }),
      ['untrusted_roster', 'unproven_state'],
    ],
    [
      'answers with the beacon of an earlier question',
      ({ estate, host }, answer) => ({
        ...answer,
        beacon: beaconOf(estate, 'A'.repeat(22), host.clock.read().wall, answer.checkpoint),
      }),
      ['stale_beacon'],
    ],
    [
      'leaves out an approval that the decision names',
      (_, answer) => ({
        ...answer,
        opens: answer.opens.map((opening) => ({ ...opening, approvals: [] })),
      }),
      ['digest_mismatch', 'too_few_approvals'],
    ],
    [
      'shows an entry that is not in the log',
      (_, answer) => ({
        ...answer,
        opens: answer.opens.map((opening) => ({
          ...opening,
          request: {
            ...opening.request,
            entry: { ...(opening.request.entry as object), at: 1 },
          },
        })),
      }),
      ['not_included'],
    ],
  ]
  test.each(answers)('it %s', async (_, twist, named) => {
    const it = await world()
    it.estate.grant(ada)
    it.estate.lie = (answer) => twist(it, answer)
    // The pin is known before the lie: a receipt needs a roster to be forgotten against.
    it.host.books.keepTrust({ rosters: it.estate.rosters, checkpoint: null })
    await expectNothing(it, ...named)
  })

  test('INV-15 it shows a log that was rolled back', async () => {
    const it = await world()
    for (let i = 0; i < 5; i++) note(it)
    await sync(it)
    it.estate.truncate(2)
    it.estate.grant(ada)
    await expectRefusal(it, 'inconsistent')
  })

  test('INV-15 it shows a shorter log', async () => {
    const it = await world()
    for (let i = 0; i < 20; i++) note(it)
    await sync(it)
    it.estate.truncate(2)
    it.estate.grant(ada)
    await expectRefusal(it, 'rolled_back')
  })

  test('TM-04 its clock differs from ours by more than 30 s', async () => {
    const it = await world()
    it.estate.skewMillis = 30_001
    it.estate.grant(ada)
    await expectNothing(it, 'clocks_disagree')
  })

  test('TM-08 the order is exactly too old to apply', async () => {
    const it = await world()
    it.estate.grant(ada, {
      order: (order) => ({ ...order, applyBefore: (order.issuedAt + 20) as Instant }),
    })
    await expectNothing(it, 'too_late')
  })

  test('a slow answer opens nothing and refuses nothing: the next one may', async () => {
    const it = await world()
    it.estate.latencyMillis = 5001
    it.estate.grant(ada)
    await sync(it)
    expect(told(it)).toEqual([])
    expect(it.host.target.effects).toEqual([])
    expect(it.host.notes).toContainEqual(
      expect.objectContaining({ what: 'round_trip_too_long', grant: ada }),
    )
    it.estate.latencyMillis = 20
    await sync(it)
    expect(told(it)).toEqual(['applied'])
  })

  test('INV-8 a refused order stays refused, and is refused once', async () => {
    const it = await world()
    it.estate.lie = (answer) => ({
      ...answer,
      opens: answer.opens.map((opening) => ({ ...opening, approvals: [] })),
    })
    it.estate.grant(ada)
    await expectNothing(it, 'too_few_approvals')
    it.estate.lie = (answer) => answer
    await sync(it)
    await pass(it, 30_000)
    expect(told(it)).toEqual(['refused'])
    expect(it.host.target.effects).toEqual([])
  })
})

test('INV-25 EN-14 a flood of ends for grants that never were does not bury those that are', async () => {
  const it = await world()
  it.estate.grant(ada)
  await sync(it)
  expect(told(it)).toEqual(['applied'])
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  const never = Array.from({ length: 300 }, (_, i) => {
    const [one, other] = [letters[i % 26] ?? '', letters[Math.floor(i / 26)] ?? '']
    return `g-${one}${other}${'b'.repeat(24)}` as GrantId
  })
  it.host.target.down = true
  it.estate.ends.push(...[...never, ada].map((grant) => ({ order: it.estate.end(grant) })))
  await sync(it)
  await sync(it)
  const waiting = it.site.books.unfinished()
  expect(waiting).toHaveLength(mostUnopened + 1)
  expect(waiting.map(({ grant }) => grant)).toContain(ada)
  it.host.target.down = false
  for (let more = 0; more < 6; more++) await pass(it, 16_000)
  expect(it.site.books.unfinished()).toEqual([])
  expect(told(it).filter((kind) => kind === 'absent')).toHaveLength(never.length + 1)
})

const note = ({ estate }: World) =>
  estate.append({ at: 0 as Instant, kind: 'noted', subject: 'log', actor: 'system' })

/** The receipts of a log that the enforcer distrusts stay in its outbox. */
async function expectRefusal(it: World, code: string): Promise<void> {
  await sync(it)
  expect(it.host.target.effects).toEqual([])
  expect(it.host.notes).toEqual(
    expect.arrayContaining([expect.objectContaining({ what: 'check_failed', code })]),
  )
}
