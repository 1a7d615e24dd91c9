import type { Act, Terms } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { after, signerOf, tellStory } from './testing.ts'
import {
  by,
  codesOf,
  coolingDown,
  good,
  judge,
  other,
  people,
  type Row,
  roster2,
  stepsOf,
} from './testing-judge.ts'

const rows: readonly Row[] = [
  [
    6,
    'a request that mallory signed in the name of ada',
    'bad_signature',
    () => [tellStory({ signer: (name) => signerOf(name === 'ada' ? 'mallory' : name) })],
  ],
  [
    6,
    'an activation by another than the requester',
    'not_requester',
    () => [tellStory({ activate: (was) => by(was, 'mallory') })],
  ],
  [
    6,
    'a requester whose key the roster has dropped',
    'unknown_key',
    () => [good, { evidence: roster2({ people: people('ada', { keys: [] }).people }) }],
  ],
  [
    6,
    'INV-23 an agent without an approval',
    'kind_not_allowed',
    () => [
      tellStory({
        approvers: [],
        terms: (was) => ({
          ...was,
          requester: 'robo' as Terms['requester'],
          route: { ...was.route, name: 'solo', approvals: 0 },
        }),
      }),
      { guard: { routes: { solo: { minApprovals: 0 } } } },
    ],
  ],
  [7, 'too few approvals', 'too_few_approvals', () => [tellStory({ approvers: ['bob'] })]],
  [
    7,
    'fewer approvals than the guard demands',
    'too_few_approvals',
    () => [good, { guard: { routes: { quorum: { minApprovals: 3 } } } }],
  ],
  [
    7,
    'a quorum of nobody, whatever the terms say',
    'too_few_approvals',
    () => [
      tellStory({
        approvers: [],
        terms: (was) => ({ ...was, route: { ...was.route, approvals: 0 } }),
      }),
      { guard: { routes: { quorum: { minApprovals: 0 } } } },
    ],
  ],
  [
    7,
    'INV-4 AP-05 one person approving twice',
    'approver_repeated',
    () => [
      tellStory({
        approvers: ['bob', 'bob'],
        approval: (was, i) => ({ ...was, nonce: `bm9uY2${i}` }),
      }),
    ],
  ],
  [
    7,
    'INV-4 an approval by the requester',
    'approver_is_requester',
    () => [tellStory({ approvers: ['bob', 'ada'] })],
  ],
  [
    7,
    "INV-4 INV-23 an approval by the requester's agent",
    'approver_is_requester',
    () => [tellStory({ approvers: ['bob', 'robo'] })],
  ],
  [
    7,
    'INV-5 an approval of other terms',
    'other_terms',
    () => [
      tellStory({ approval: (was, i) => (i === 0 ? { ...was, termsDigest: other } : was) }),
    ],
  ],
  [
    7,
    'an approval of another grant',
    'other_grant',
    () => [
      tellStory({
        approval: (was) => ({
          ...was,
          grant: `g-${'b'.repeat(26)}` as NonNullable<Act['grant']>,
        }),
      }),
    ],
  ],
  [
    7,
    "an approver outside the guard's group",
    'not_an_approver',
    () => [tellStory({ approvers: ['bob', 'dee'] })],
  ],
  [
    7,
    "an approver's key that cools down",
    'key_cooling_down',
    () => [tellStory({ roster: coolingDown('cy', after(12)) })],
  ],
  [
    7,
    "a cool-down that only the server's clock has passed",
    'key_cooling_down',
    () => [
      tellStory({
        roster: coolingDown('cy', after(40)),
        entryAt: (kind, at) => (kind === 'approval_given' ? 50 : at),
      }),
    ],
  ],
  [
    7,
    'an approval that mallory signed in the name of bob',
    'bad_signature',
    () => [tellStory({ signer: (name) => signerOf(name === 'bob' ? 'mallory' : name) })],
  ],
]

describe('what fails with the people and nowhere else', () => {
  test.each(rows)('step %i: %s', (step, _, code, tell) => {
    const [story, change] = tell()
    expect(stepsOf(story, change)).toEqual([step])
    expect(codesOf(story, change)).toContain(code)
    expect(judge(story, change)).toMatchObject({ ok: false, proven: null })
  })
})
