import { describe, expect, test } from 'vitest'
import { payloadTypes } from './envelope.ts'
import { after, tellStory } from './testing.ts'
import {
  codesOf,
  defaced,
  fork,
  good,
  issuer,
  judge,
  log,
  mallorysLog,
  olderProof,
  other,
  type Row,
  reseal,
  resigned,
  roster2,
  sealing,
  seen,
  spaced,
  stepsOf,
  vkeyOfOther,
} from './testing-judge.ts'

const rows: readonly Row[] = [
  [
    1,
    'a roster that nobody pinned',
    'untrusted_roster',
    () => [good, { trust: { rosterDigest: other } }],
  ],
  [
    1,
    'another estate',
    'other_estate',
    () => [
      tellStory({ beacon: (was) => ({ ...was, estate: 'elsewhere' }) }),
      { trust: { estate: 'elsewhere' } },
    ],
  ],
  [
    1,
    'a decision under a roster that is not shown',
    'roster_missing',
    () => [tellStory({ decision: (was) => ({ ...was, rosterVersion: 2 }) })],
  ],
  [
    2,
    'INV-13 a log rolled back',
    'rolled_back',
    () => [good, { trust: { checkpointSeen: { ...seen(good), size: 99 } } }],
  ],
  [
    2,
    'INV-13 a forked log',
    'inconsistent',
    () => [
      good,
      {
        trust: {
          checkpointSeen: { ...seen(mallorysLog), root: mallorysLog.log.root(2), size: 2 },
        },
      },
    ],
  ],
  [
    2,
    'a consistency proof left out',
    'inconsistent',
    () => [good, { evidence: { consistency: null } }],
  ],
  [
    2,
    'AU-20 a checkpoint by a key that the roster does not give the log',
    'unknown_note_key',
    () => [good, { evidence: roster2({ logs: [{ ...log(), vkey: vkeyOfOther() }] }) }],
  ],
  [
    2,
    'AU-20 a log that the roster has closed',
    'log_closed',
    () => [
      good,
      { evidence: roster2({ logs: [{ ...log(), toSize: 3, toRoot: good.log.root(3) }] }) },
    ],
  ],
  [
    2,
    'another log than the one last seen',
    'other_origin',
    () => [
      good,
      { trust: { checkpointSeen: { ...seen(good), origin: 'elsewhere.test/log' } } },
    ],
  ],
  [
    3,
    'an order by nobody the roster knows as issuer',
    'bad_signature',
    () => [
      tellStory({
        seal: (kind, was) => (kind === 'order' ? reseal(was, 'mallory') : was),
      }),
    ],
  ],
  [
    3,
    'INV-12 an order with a defaced signature',
    'bad_signature',
    () => [tellStory(sealing('order', defaced))],
  ],
  [
    3,
    'a decision with a defaced signature',
    'bad_signature',
    () => [tellStory(sealing('decision', defaced))],
  ],
  [
    3,
    'AU-20 an issuer key before its time',
    'bad_signature',
    () => [
      good,
      { evidence: roster2({ issuers: [{ ...issuer(), notBefore: after(31) }] }) },
    ],
  ],
  [
    3,
    'an order under the payload type of a decision',
    'malformed_order',
    () => [tellStory(sealing('order', (was) => resigned(was, payloadTypes.decision)))],
  ],
  [
    3,
    'INV-12 bytes that are not canonical, though the issuer signed them',
    'malformed_decision',
    () => [tellStory(sealing('decision', spaced))],
  ],
  [
    3,
    'an order of an unknown shape',
    'malformed_order',
    () => [tellStory({ order: (was) => ({ ...was, extra: 1 }) as typeof was })],
  ],
  [
    3,
    'an order to end, posing as one to open',
    'malformed_order',
    () => [tellStory({ order: (was) => ({ ...was, op: 'end' }) as unknown as typeof was })],
  ],
  [
    4,
    'AU-11 a proof of another entry',
    'not_included',
    () => [
      good,
      {
        evidence: { order: { ...good.evidence.order, proof: good.evidence.request.proof } },
        situation: {},
      },
    ],
  ],
  [
    4,
    'AU-11 an entry that the log does not hold',
    'not_included',
    () => [good, { evidence: { request: fork.evidence.request } }],
  ],
  [
    4,
    'a proof to another checkpoint',
    'not_included',
    () => [good, { evidence: { request: olderProof() } }],
  ],
]

describe('what fails in the log and nowhere else', () => {
  test.each(rows)('step %i: %s', (step, _, code, tell) => {
    const [story, change] = tell()
    expect(stepsOf(story, change)).toEqual([step])
    expect(codesOf(story, change)).toContain(code)
    expect(judge(story, change)).toMatchObject({ ok: false, proven: null })
  })
})
