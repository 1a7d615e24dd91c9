import type { ActOf, Instant } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { after, genesis, tellStory } from './testing.ts'
import {
  codesOf,
  defaced,
  good,
  judge,
  other,
  type Row,
  resigned,
  roster2,
  sealing,
  stepsOf,
} from './testing-judge.ts'

const signedAt = (seconds: number) => (was: ActOf<'activate'>) => ({
  ...was,
  at: after(seconds),
})

const rows: readonly Row[] = [
  [
    5,
    'INV-5 an order for other privileges',
    'outside_terms',
    () => [
      tellStory({ order: (was) => ({ ...was, privileges: ['role:payments_admin'] }) }),
      { guard: { privileges: ['role:payments_repair', 'role:payments_admin'] } },
    ],
  ],
  [
    5,
    'an order that lasts longer than the decision',
    'outside_terms',
    () => [tellStory({ order: (was) => ({ ...was, notAfter: after(631) }) })],
  ],
  [
    5,
    'a decision that lasts longer than its terms',
    'outside_terms',
    () => [tellStory({ decision: (was) => ({ ...was, notAfter: after(631) }) })],
  ],
  [
    5,
    'an order sealed to the server instead of the requester',
    'other_seal_key',
    () => [
      tellStory({
        order: (was) => ({ ...was, sealTo: { ...was.sealTo, x: `${'A'.repeat(42)}E` } }),
      }),
    ],
  ],
  [
    5,
    'an order of another decision',
    'digest_mismatch',
    () => [tellStory({ order: (was) => ({ ...was, decisionDigest: other }) })],
  ],
  [
    5,
    'a decision on another request',
    'digest_mismatch',
    () => [tellStory({ decision: (was) => ({ ...was, requestAct: other }) })],
  ],
  [
    5,
    'a decision on other facts',
    'digest_mismatch',
    () => [tellStory({ decision: (was) => ({ ...was, factsDigest: other }) })],
  ],
  [
    5,
    'an approval left out of the decision',
    'digest_mismatch',
    () => [
      tellStory({
        decision: (was) => ({ ...was, approvalActs: was.approvalActs.slice(1) }),
      }),
    ],
  ],
  [
    8,
    'the order of another enforcer',
    'other_enforcer',
    () => [good, { enforcer: 'enf-other' }],
  ],
  [
    8,
    'an entitlement that is not in the guard',
    'entitlement_not_guarded',
    () => [good, { guard: { entitlements: [] } }],
  ],
  [
    8,
    'a privilege that is not in the guard',
    'privilege_not_guarded',
    () => [good, { guard: { privileges: ['role:payments_read'] } }],
  ],
  [
    8,
    'a route that is not in the guard',
    'route_not_guarded',
    () => [good, { guard: { routes: {} } }],
  ],
  [
    8,
    "a life beyond the guard's",
    'life_not_guarded',
    () => [good, { guard: { maxLifeSeconds: 599 } }],
  ],
  [
    8,
    'a target that the roster does not give the enforcer',
    'target_not_enrolled',
    () => [
      good,
      {
        evidence: roster2({
          enforcers: genesis.enforcers.map((one) => ({ ...one, targets: [] })),
        }),
      },
    ],
  ],
  [
    8,
    'a target without a guard',
    'target_not_guarded',
    () => [good, { guardedTarget: 'billing-pg' }],
  ],
  [9, 'no beacon', 'no_beacon', () => [good, { evidence: { beacon: null } }]],
  [
    9,
    'a beacon for another nonce',
    'stale_beacon',
    () => [good, { situation: { beaconNonce: 'old' } }],
  ],
  [
    9,
    'a beacon that nobody signed',
    'bad_signature',
    () => [tellStory(sealing('beacon', defaced))],
  ],
  [
    9,
    'a beacon under another payload type',
    'wrong_payload_type',
    () => [tellStory(sealing('beacon', (was) => resigned(was, 'application/json')))],
  ],
  [
    9,
    'a beacon of another checkpoint',
    'stale_beacon',
    () => [tellStory({ beacon: (was) => ({ ...was, checkpoint: 'other' }) })],
  ],
  [
    9,
    'a long round trip',
    'round_trip_too_long',
    () => [good, { situation: { roundTripMillis: 5001 } }],
  ],
  [
    9,
    'a round trip that is no number',
    'round_trip_too_long',
    () => [good, { situation: { roundTripMillis: Number.NaN } }],
  ],
  [
    9,
    'TM-08 the very instant of applyBefore',
    'too_late',
    () => [tellStory({ order: (was) => ({ ...was, applyBefore: after(32) }) })],
  ],
  [
    9,
    'TM-08 the very instant of notAfter',
    'too_late',
    () => [
      tellStory({ order: (was) => ({ ...was, notAfter: after(32) }) }),
      { situation: { roundTripMillis: 0 } },
    ],
  ],
  [
    9,
    'clocks that differ by more than 30 seconds',
    'clocks_disagree',
    () => [good, { situation: { wallNow: (after(62) + 1) as Instant } }],
  ],
  [
    9,
    'INV-3 an activation that somebody held back',
    'activation_not_fresh',
    () => [tellStory({ activate: signedAt(32 - 451) })],
  ],
  [
    9,
    'an activation from the future',
    'activation_not_fresh',
    () => [tellStory({ activate: signedAt(32 + 331) })],
  ],
  [
    10,
    'a grant that was ended here',
    'already_acted_on',
    () => [good, { situation: { localState: 'ending' } }],
  ],
  [
    10,
    'an order not above the fence',
    'fenced',
    () => [good, { situation: { fence: good.orderIndex } }],
  ],
]

test('an activation may be as old as its nonce, its order and the skew allow', () => {
  expect(stepsOf(tellStory({ activate: signedAt(32 - 450) }), {})).toEqual([])
})

describe('what fails with the order and nowhere else', () => {
  test.each(rows)('step %i: %s', (step, _, code, tell) => {
    const [story, change] = tell()
    expect(stepsOf(story, change)).toEqual([step])
    expect(codesOf(story, change)).toContain(code)
    expect(judge(story, change)).toMatchObject({ ok: false, proven: null })
  })
})
