import type { Commitment, GrantId, PrincipalId } from '@halligan/core'
import { describe, expect, it, test } from 'vitest'
import { bundleOf, edited, exampleFiles } from '../test/situation.ts'
import { resolveTerms, type TermsAsk } from './resolve-terms.ts'

const { estate } = bundleOf(exampleFiles)

const ask: TermsAsk = {
  estateName: 'example',
  grant: `g-${'a'.repeat(26)}` as GrantId,
  requester: 'ada' as PrincipalId,
  entitlement: 'payments-db-repair',
  route: 'quorum',
  lifeSeconds: 5,
  incident: 'inc-1',
  reasonCommitment: `sha256:${'0'.repeat(64)}` as Commitment,
}

describe('terms', () => {
  it('RQ-04 name every target and privilege', () => {
    expect(resolveTerms(estate, ask)).toEqual({
      ok: true,
      value: {
        estate: 'example',
        grant: ask.grant,
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
        lifeSeconds: 5,
        incident: 'inc-1',
        reasonCommitment: ask.reasonCommitment,
      },
    })
  })

  it('RQ-04 come out the same whatever order the estate has', () => {
    const privileges = (list: string) =>
      bundleOf({
        ...exampleFiles,
        ...edited('estate.yaml', '["role:payments_repair"]', list),
      }).estate
    expect(resolveTerms(privileges("['role:b', 'role:a']"), ask)).toEqual(
      resolveTerms(privileges("['role:a', 'role:b']"), ask),
    )
  })

  it('name those acted for once each, in order', () => {
    const actsFor = ['cy', 'bob', 'cy'] as PrincipalId[]
    expect(resolveTerms(estate, { ...ask, actsFor })).toMatchObject({
      value: { actsFor: ['bob', 'cy'] },
    })
  })
})

test.each([
  '*',
  '.*',
  'payments-.*',
  'payments-db-repair|payments-db-admin',
  '../payments-db-repair',
  'payments-db-repair/',
  '//payments-db-repair',
  'payments-db-repair%2f',
  '.',
  'root',
  '',
  'Payments-db-repair',
  'constructor',
  '__proto__',
])('RQ-04 PO-08 the entitlement %j is unknown', (entitlement) => {
  expect(resolveTerms(estate, { ...ask, entitlement })).toEqual({
    ok: false,
    error: { code: 'unknown_entitlement' },
  })
})

test.each([0, -1, 3601, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  'RQ-07 a life of %d seconds is out of range',
  (lifeSeconds) => {
    expect(resolveTerms(estate, { ...ask, lifeSeconds })).toEqual({
      ok: false,
      error: { code: 'life_out_of_range', maxLifeSeconds: 3600 },
    })
  },
)

test('INV-23 an agent asks for ten minutes at most', () => {
  const at = (lifeSeconds: number) => resolveTerms(estate, { ...ask, lifeSeconds }, 'agent')
  expect(at(600).ok).toBe(true)
  expect(at(601)).toMatchObject({ error: { maxLifeSeconds: 600 } })
})

test('a route that the entitlement lacks is unknown, and those it has are named', () => {
  expect(
    resolveTerms(estate, { ...ask, entitlement: 'payments-db-admin', route: 'solo' }),
  ).toEqual({ ok: false, error: { code: 'unknown_route', routes: ['quorum'] } })
})

test.each(['', 'INC-1', 'inc/1', 'inc 1'])('the incident %j is malformed', (incident) => {
  expect(resolveTerms(estate, { ...ask, incident })).toMatchObject({
    error: { code: 'malformed_incident' },
  })
})
