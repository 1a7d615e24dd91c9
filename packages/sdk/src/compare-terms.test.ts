import type { Commitment, GrantId, PrincipalId, Terms } from '@halligan/core'
import { expect, test } from 'vitest'
import { type Asked, compareTerms } from './compare-terms.ts'

const asked: Asked = {
  estate: 'example',
  grant: `g-${'a'.repeat(26)}` as GrantId,
  requester: 'ada' as PrincipalId,
  entitlement: 'payments-db-repair',
  route: 'quorum',
  lifeSeconds: 900,
  incident: 'inc-1',
  reasonCommitment: `sha256:${'1'.repeat(64)}`,
}
const honest: Terms = {
  estate: 'example',
  grant: asked.grant,
  revision: 1,
  requester: asked.requester,
  entitlement: asked.entitlement,
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
  reasonCommitment: asked.reasonCommitment,
}

test('terms that answer what was asked are accepted', () => {
  expect(compareTerms(asked, honest)).toEqual({ ok: true, value: honest })
})

test.each<[string, Partial<Terms>]>([
  ['estate', { estate: 'other' }],
  ['grant', { grant: `g-${'b'.repeat(26)}` as GrantId }],
  ['revision', { revision: 2 }],
  ['requester', { requester: 'mallory' as PrincipalId }],
  ['actsFor', { actsFor: ['mallory' as PrincipalId] }],
  ['entitlement', { entitlement: 'payments-db-admin' }],
  ['route', { route: { name: 'solo', approvals: 0, groups: [] } }],
  ['lifeSeconds', { lifeSeconds: 901 }],
  ['incident', { incident: 'inc-1 ' }],
  ['reasonCommitment', { reasonCommitment: `sha256:${'2'.repeat(64)}` as Commitment }],
  ['targets', { targets: [] }],
])('INV-5 a server that swaps the %s is refused by name', (field, swapped) => {
  const answer = compareTerms(asked, { ...honest, ...swapped })
  expect(answer).toMatchObject({ ok: false, error: { code: 'terms_differ' } })
  expect(!answer.ok && answer.error.differences.map((each) => each.field)).toEqual([field])
})
