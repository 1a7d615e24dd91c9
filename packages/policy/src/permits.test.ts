import { expect, test } from 'vitest'
import { bundleOf, exampleFiles } from '../test/situation.ts'
import type { Ask } from './permits.ts'

const example = bundleOf(exampleFiles)
const dee = { person: 'dee', kind: 'human', groups: ['reviewers', 'security'] } as const
const bob = { person: 'bob', kind: 'human', groups: ['payments-leads'] } as const
const ada = { person: 'ada', kind: 'human', groups: ['payments-oncall'] } as const
const entitlement = 'payments-db-repair'

test('PO-13 asking what policy says to others takes a role', () => {
  expect(example.permits({ action: 'policyWhatIf', principal: dee })).toEqual({
    allowed: true,
    reasons: ['security may ask what policy would say to others'],
  })
  expect(example.permits({ action: 'policyWhatIf', principal: ada })).toEqual({
    allowed: false,
    reasons: ['no policy permits it'],
  })
})

test('PO-07 a recent author of policy approves nothing', () => {
  const ask: Ask = { action: 'approve', principal: bob, entitlement }
  expect(example.permits(ask).allowed).toBe(true)
  expect(example.permits({ ...ask, context: { recentPolicyAuthor: false } }).allowed).toBe(
    true,
  )
  expect(example.permits({ ...ask, context: { recentPolicyAuthor: true } })).toEqual({
    allowed: false,
    reasons: ['you changed the policy lately: somebody else has to approve'],
  })
})

test.each(['agent', 'service_account', 'api_key'] as const)(
  'INV-23 %s neither approves nor reviews nor attests',
  (kind) => {
    const groups = ['payments-leads', 'reviewers', 'security']
    for (const action of ['approve', 'deny', 'review', 'attest'] as const)
      expect(
        example.permits({
          action,
          principal: { person: 'robo', kind, groups },
          entitlement,
        }).allowed,
      ).toBe(false)
  },
)

test.each<[string, Ask]>([
  [
    'an entitlement that is not there',
    { action: 'approve', principal: bob, entitlement: 'x' },
  ],
  [
    'an entitlement named by inheritance',
    { action: 'approve', principal: bob, entitlement: 'constructor' },
  ],
  ['a system that is not there', { action: 'open_incident', principal: ada, system: 'x' }],
  [
    'a resource of the wrong sort',
    { action: 'approve', principal: bob, system: 'payments-db' },
  ],
  ['no resource where one is needed', { action: 'approve', principal: bob }],
  [
    'a malformed principal',
    { action: 'approve', principal: { ...bob, person: 'Bob' }, entitlement },
  ],
  [
    'a malformed group',
    {
      action: 'approve',
      principal: { ...bob, groups: ['payments-leads', 'x/'] },
      entitlement,
    },
  ],
])('PO-01 an ask about %s is denied as an eval_error', (_, ask) => {
  const { allowed, reasons } = example.permits(ask)
  expect(allowed).toBe(false)
  expect(reasons[0]).toMatch(/^eval_error: /)
})

test('PO-01 a forbid that fails denies, though a permit holds', () => {
  const broken = `@id("broken") forbid (principal, action == Action::"approve", resource)
    when { resource.maxLifeSeconds * 9007199254740991 * 9007199254740991 > 0 };`
  const bundle = bundleOf({ ...exampleFiles, 'broken.cedar': broken })
  const answer = bundle.permits({ action: 'approve', principal: bob, entitlement })
  expect(answer).toMatchObject({
    allowed: false,
    reasons: ['eval_error: broken', "members of the entitlement's approver groups"],
  })
})

test('PO-08 a permit for everything is no permit for what the schema does not know', () => {
  const wide = '@id("wide") permit (principal, action, resource);'
  const bundle = bundleOf({ ...exampleFiles, 'wide.cedar': wide })
  const principal = { person: 'mallory', kind: 'human', groups: [] } as const
  expect(bundle.permits({ action: 'approve', principal, entitlement }).allowed).toBe(true)
  expect(
    bundle.permits({ action: 'approve', principal, system: 'payments-db' }).allowed,
  ).toBe(false)
  expect(
    bundle.permits({ action: 'approve', principal, entitlement, context: { severity: 1 } })
      .allowed,
  ).toBe(false)
})
