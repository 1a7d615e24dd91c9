import type {
  Act,
  ActBody,
  Envelope,
  Facts,
  Grant,
  Incident,
  Ruling,
  SealKey,
  Terms,
  Verb,
} from '@halligan/core'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import type { act, actBodies } from './acts.ts'
import type { grant } from './grant.ts'
import {
  digest,
  type envelope,
  grantId,
  type incident,
  principalId,
  type sealKey,
  terms,
} from './nouns.ts'
import type { facts, ruling } from './ruling.ts'

type Out<S> = S extends z.ZodType ? z.output<S> : never

test('what a schema infers is what core means', () => {
  expectTypeOf<Out<typeof terms>>().toExtend<Terms>()
  expectTypeOf<Out<typeof envelope>>().toExtend<Envelope>()
  expectTypeOf<Out<typeof incident>>().toExtend<Incident>()
  expectTypeOf<Out<typeof sealKey>>().toExtend<SealKey>()
  expectTypeOf<Out<typeof grant>>().toExtend<Grant>()
  expectTypeOf<Out<typeof facts>>().toExtend<Facts>()
  expectTypeOf<Out<typeof ruling>>().toExtend<Ruling>()
  expectTypeOf<Out<typeof act>>().toExtend<Act>()
  expectTypeOf<{ [V in Verb]: Out<(typeof actBodies)[V]> }>().toExtend<ActBody>()
})

const termsOfAda = {
  estate: 'example',
  grant: `g-${'a'.repeat(26)}`,
  revision: 1,
  requester: 'ada',
  entitlement: 'payments-db-repair',
  targets: [
    {
      target: 'payments-pg',
      enforcer: 'enf-payments',
      privileges: ['role:payments_repair'],
    },
  ],
  route: { name: 'quorum', approvals: 1, groups: ['payments-leads'] },
  lifeSeconds: 900,
  incident: 'inc-1',
  reasonCommitment: `sha256:${'0'.repeat(64)}`,
}

describe('RQ-02 terms are strict', () => {
  test('as they should be, they pass', () => {
    expect(terms.safeParse(termsOfAda).success).toBe(true)
  })

  test.each([
    ['an unknown field', { state: 'approved' }],
    ['an approval brought along', { approvals: ['bob'] }],
    ['a life of zero', { lifeSeconds: 0 }],
    ['a fractional life', { lifeSeconds: 1.5 }],
    ['a life over the floor', { lifeSeconds: 14_401 }],
    ['a life as text', { lifeSeconds: '900' }],
    ['a requester in capitals', { requester: 'Ada' }],
    ['an invented route', { route: { name: 'override', approvals: 0, groups: [] } }],
    ['an undefined in place of nothing', { actsFor: undefined }],
  ])('%s is refused', (_, change) => {
    expect(terms.safeParse({ ...termsOfAda, ...change }).success).toBe(false)
  })
})

describe('ID-01 ID-02 ids have one spelling', () => {
  test.each(['Ada', 'ada ', 'аda', 'ada\n', '', '-ada', 'ada..b', 'a'.repeat(65)])(
    'not %j',
    (id) => {
      expect(principalId.safeParse(id).success).toBe(false)
    },
  )

  test('a grant id or a digest in capitals is another text, and refused', () => {
    expect(grantId.safeParse(`G-${'a'.repeat(26)}`).success).toBe(false)
    expect(digest.safeParse(`sha256:${'A'.repeat(64)}`).success).toBe(false)
  })
})
