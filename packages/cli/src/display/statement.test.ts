import type { Act, ActOf, Digest, GrantId, PrincipalId, Terms } from '@halligan/core'
import { expect, test } from 'vitest'
import { statementText } from './statement.ts'

const reasonCommitment: Digest = `sha256:${'1'.repeat(64)}`
const termsDigest: Digest = `sha256:${'2'.repeat(64)}`
const grant = `g-${'a'.repeat(26)}` as GrantId

const terms: Terms = {
  estate: 'example',
  grant,
  revision: 1,
  requester: 'ada' as PrincipalId,
  actsFor: ['robo' as PrincipalId],
  entitlement: 'payments-db-repair',
  targets: [
    {
      target: 'payments-pg',
      enforcer: 'enf-payments',
      privileges: ['role:payments_repair', 'role:payments_admin\u202e'],
    },
  ],
  route: { name: 'quorum', approvals: 2, groups: ['payments-leads'] },
  lifeSeconds: 900,
  incident: 'inc-1',
  reasonCommitment,
}
const approve: ActOf<'approve'> = {
  type: 'halligan/act/v1',
  estate: 'example',
  verb: 'approve',
  grant,
  termsDigest,
  by: 'bob' as PrincipalId,
  keyId: 'ed25519:00000000000000000000000000000000',
  nonce: 'bm9uY2U',
  at: 0 as Act['at'],
  body: {},
}
const show = (reason: string | null) =>
  statementText(approve, terms, new Map([[reasonCommitment, reason]]))

test('everything that is in the terms is on the screen', () => {
  expect(show('the batch is stuck')).toBe(
    `You are about to sign: approve
  estate  example
  by      bob with key ed25519:00000000000000000000000000000000
  at      1970-01-01T00:00:00.000Z
  grant   ${grant}
  terms   ${termsDigest}
of these terms
  estate       example
  grant        ${grant}, revision 1
  requester    ada
  acts for     robo
  entitlement  payments-db-repair
  target       payments-pg, at enforcer enf-payments
  privilege    role:payments_repair
  privilege    role:payments_admin\\u{202e}
  route        quorum: 2 approvals from payments-leads
  life         900 seconds (15m 00s) from activation
  incident     inc-1
  reason       "the batch is stuck"`,
  )
})

test('RQ-10 a long reason is shown to its last word, and on one line', () => {
  const shown = show(`harmless${'\n'.repeat(50)}and then drop everything`)
  expect(shown).toContain('and then drop everything"')
  expect(shown.split('\n')).toHaveLength(show('harmless').split('\n').length)
})

test('RQ-10 a reason cannot add a line that looks like a term', () => {
  const shown = show('ok"\n  privilege    role:readonly')
  expect(shown.match(/^ {2}privilege/gm)).toHaveLength(2)
})

test('an erased reason is said to be erased', () => {
  expect(show(null)).toContain(`reason       erased; ${reasonCommitment}`)
})

test.each([
  ['a letter of another script', 'p\u0430yments-pg', 'p\\u{430}yments-pg'],
  ['a trailing space', 'payments-pg ', 'payments-pg\\u{20}'],
])('AP-14 a target with %s does not look like ours', (_, target, shown) => {
  const other = { ...terms, targets: [{ target, enforcer: target, privileges: [target] }] }
  const text = statementText(approve, other, new Map())
  expect(text).toContain(`target       ${shown}, at enforcer ${shown}`)
  expect(text).toContain(`privilege    ${shown}`)
  expect(text).not.toContain(target)
})

test('AP-14 what cannot be signed cannot be shown', () => {
  const lone = { ...terms, entitlement: 'a\ud800' }
  expect(() => statementText(approve, lone, new Map())).toThrow()
})
