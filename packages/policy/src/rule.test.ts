import type { Facts, RouteTerms } from '@halligan/core'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { bundleOf, closedBy, edited, exampleFiles, facts, open } from '../test/situation.ts'
import { checkFacts } from './facts.ts'

const example = bundleOf(exampleFiles)

const policy = (id: string, effect: 'permit' | 'forbid', condition = 'true') =>
  `@id("${id}") @advice("${id}") ${effect} (principal, action == Action::"breakGlass", resource) when { ${condition} };`

/** The example with nothing but `policies`. */
const only = (policies: readonly string[]) => {
  const { schema, estate } = { schema: 'schema.cedarschema', estate: 'estate.yaml' }
  return bundleOf({
    [schema]: exampleFiles[schema] ?? '',
    [estate]: exampleFiles[estate] ?? '',
    'policy.cedar': policies.join('\n'),
  })
}

describe('a ruling', () => {
  it('opens the routes of the estate, with all they demand', () => {
    const { quorum, solo } = example.estate.entitlements['payments-db-repair']?.routes ?? {}
    expect(example.rule(facts)).toEqual({
      bundleDigest: example.digest,
      engine: 'cedar-wasm 4.13.0',
      facts,
      open: [quorum, solo],
      closed: [],
    })
  })

  it('is closed where no policy permits', () => {
    const bundle = only([policy('nothing', 'permit', 'false')])
    expect(bundle.rule(facts)).toMatchObject({
      open: [],
      closed: [
        { route: 'quorum', forbids: [], reasons: ['no policy permits it'] },
        { route: 'solo', forbids: [], reasons: ['no policy permits it'] },
      ],
    })
  })

  it('opens nothing of an entitlement that the estate does not hold', () => {
    for (const entitlement of ['', 'payments', 'constructor', '__proto__'])
      expect(example.rule({ ...facts, entitlement })).toMatchObject({
        open: [],
        closed: [],
      })
  })
})

describe('PO-01 an evaluation that fails denies and says eval_error', () => {
  const overflow = 'context.lifeSeconds * 9007199254740991 * 9007199254740991 > 0'

  it('a forbid that overflows does not fall away', () => {
    const bundle = only([policy('all', 'permit'), policy('broken', 'forbid', overflow)])
    expect(bundle.rule(facts)).toMatchObject({
      open: [],
      closed: [{ reasons: ['eval_error: broken'] }, { reasons: ['eval_error: broken'] }],
    })
  })

  it('nor does another permit make up for a broken one', () => {
    const bundle = only([policy('all', 'permit'), policy('broken', 'permit', overflow)])
    expect(open(bundle, facts)).toEqual([])
  })

  const strange: readonly (readonly [string, unknown])[] = [
    ['a fact missing', { ...facts, ownerKnown: undefined }],
    ['a fact too many', { ...facts, posture: 'good' }],
    ['an unknown step-up', { ...facts, stepUp: { ...facts.stepUp, kind: 'telepathy' } }],
    ['an unknown kind', { ...facts, requester: { ...facts.requester, kind: 'Human' } }],
    ['a weekday of another calendar', { ...facts, time: { ...facts.time, weekday: 8 } }],
    ['an integer Cedar cannot carry', { ...facts, lifeSeconds: 2 ** 53 }],
    ['a negative count', { ...facts, reviews: { open: 0, overdue: -1 } }],
    ['a fraction', { ...facts, lifeSeconds: 0.5 }],
    ['not a number', { ...facts, approversEligible: Number.NaN }],
    ['text for a flag', { ...facts, ownerKnown: 'true' }],
    ['null', { ...facts, incident: null }],
    ['another system', { ...facts, system: 'payments' }],
  ]
  test.each(strange)('%s', (_, given) => {
    // What comes from outside is typed only by promise.
    const ruling = example.rule(given as Facts)
    expect(ruling.open).toEqual([])
    expect(ruling.closed).toHaveLength(2)
    for (const { reasons } of ruling.closed) expect(reasons[0]).toMatch(/^eval_error: /)
  })

  test.each([
    'payments-db/',
    '/payments-db',
    'payments-db%2f',
    '..',
    'Payments-db',
    'payments-db ',
  ])('PO-08 the group %j, and judged is what is used', (group) => {
    const requester = { ...facts.requester, groups: [group] }
    expect(open(example, { ...facts, requester })).toEqual([])
  })

  it('PO-10 more groups than anyone has', () => {
    const groups = Array.from({ length: 10_000 }, (_, index) => `g${index}`)
    expect(open(example, { ...facts, requester: { ...facts.requester, groups } })).toEqual(
      [],
    )
  })
})

const factsArbitrary: fc.Arbitrary<Facts> = fc
  .record({
    severity: fc.integer({ min: 1, max: 4 }),
    open: fc.boolean(),
    lifeSeconds: fc.integer({ min: 1, max: 5000 }),
    overdue: fc.integer({ min: 0, max: 1 }),
    approversEligible: fc.integer({ min: 0, max: 2 }),
    recentPolicyAuthor: fc.boolean(),
  })
  .map(({ severity, open: isOpen, overdue, ...rest }) => ({
    ...facts,
    ...rest,
    incident: { ...facts.incident, severity, open: isOpen },
    reviews: { open: overdue, overdue },
  }))

const conditions = [
  'true',
  'context.incident.open',
  'context.incident.severity <= 2',
  'context.route.approvals == 0',
  'context.lifeSeconds > 900',
  'context.reviews.overdue > 0',
  'context.recentPolicyAuthor',
]

const policies = fc
  .array(
    fc.tuple(
      fc.constantFrom('permit', 'permit', 'permit', 'forbid'),
      fc.constantFrom(...conditions),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) => all.map(([effect, condition], n) => policy(`p${n}`, effect, condition)))

const names = (routes: readonly RouteTerms[]) => routes.map(({ name }) => name)

describe('the order and number of policies', () => {
  it('PO-02 does not matter: forbid wins', () => {
    let opened = 0
    let closed = 0
    fc.assert(
      fc.property(policies, factsArbitrary, fc.nat(5), (texts, given, turn) => {
        const plain = only(texts).rule(given)
        const turned = [...texts.slice(turn), ...texts.slice(0, turn)].reverse()
        const twice = texts.map((text) => text.replace('@id("p', '@id("again-p'))
        expect(names(only(turned).rule(given).open)).toEqual(names(plain.open))
        expect(only(turned).rule(given).closed).toEqual(plain.closed)
        expect(names(only([...twice, ...texts]).rule(given).open)).toEqual(
          names(plain.open),
        )
        opened += plain.open.length
        closed += plain.closed.filter(({ forbids }) => forbids.length > 0).length
      }),
      { numRuns: 60 },
    )
    expect(Math.min(opened, closed)).toBeGreaterThan(5)
  })

  it('INV-19 adding a forbid never opens a route', () => {
    let narrowed = 0
    fc.assert(
      fc.property(
        policies,
        factsArbitrary,
        fc.constantFrom(...conditions),
        (texts, given, condition) => {
          const before = names(only(texts).rule(given).open)
          const after = names(
            only([...texts, policy('more', 'forbid', condition)]).rule(given).open,
          )
          expect(before).toEqual(expect.arrayContaining(after))
          if (after.length < before.length) narrowed += 1
        },
      ),
      { numRuns: 60 },
    )
    expect(narrowed).toBeGreaterThan(0)
  })

  it('INV-19 the same facts get the same ruling', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        expect(example.rule(structuredClone(given))).toEqual(example.rule(given))
      }),
      { numRuns: 40 },
    )
  })
})

describe('the floor', () => {
  const anything = only([policy('all', 'permit')])

  test.each(['agent', 'service_account', 'api_key'] as const)(
    'INV-23 keeps %s from going alone, whatever policy permits',
    (kind) => {
      const ruling = anything.rule({ ...facts, requester: { ...facts.requester, kind } })
      expect(names(ruling.open)).toEqual(['quorum'])
      expect(ruling.closed).toMatchObject([
        { route: 'solo', reasons: ['a workload needs at least one human approval'] },
      ])
    },
  )

  test.each([0, 3601])('RQ-07 keeps a life of %d seconds out', (lifeSeconds) => {
    expect(open(anything, { ...facts, lifeSeconds })).toEqual([])
  })

  it('RQ-08 keeps a sixth grant at once out', () => {
    const activeOrPending = { count: 5, totalSeconds: 5, onSystem: 0 }
    expect(open(anything, { ...facts, activeOrPending })).toEqual([])
  })

  it('is heard beside policy, not instead of it', () => {
    const requester = { ...facts.requester, kind: 'agent' } as const
    expect(closedBy(example, { ...facts, requester }, 'solo')).toMatchObject({
      forbids: ['workloads-never-alone'],
      reasons: [
        "a workload needs a person's approval",
        'a workload needs at least one human approval',
      ],
    })
  })
})

describe('the example', () => {
  it('RQ-08 adds up what is active and pending', () => {
    const at = (totalSeconds: number): Facts => ({
      ...facts,
      activeOrPending: { count: 1, totalSeconds, onSystem: 1 },
    })
    expect(open(example, at(14_400 - 600))).toEqual(['quorum'])
    expect(closedBy(example, at(14_400 - 599), 'quorum')?.forbids).toEqual([
      'cumulative-life',
    ])
  })

  it('PO-07 keeps the author of a recent policy change from asking by any route', () => {
    const given = { ...facts, recentPolicyAuthor: true }
    expect(open(example, given)).toEqual([])
    expect(closedBy(example, given, 'quorum')?.forbids).toEqual(['policy-author-waits'])
  })

  it('AP-08 never lowers the quorum when approvers are gone', () => {
    const given = {
      ...facts,
      approversEligible: 0,
      incident: { ...facts.incident, severity: 3 },
    }
    expect(open(example, given)).toEqual([])
    expect(closedBy(example, given, 'quorum')?.forbids).toEqual(['approvers-out-of-reach'])
    const two = { ...facts, entitlement: 'payments-db-admin', approversEligible: 1 }
    expect(open(example, two)).toEqual([])
  })

  it('AC-08 wants evidence before going alone while approvers are at hand', () => {
    const at = (
      severity: number,
      ageSeconds: number,
      approversEligible: number,
    ): Facts => ({
      ...facts,
      incident: { ...facts.incident, severity, ageSeconds },
      approversEligible,
    })
    expect(open(example, at(2, 599, 2))).toEqual(['quorum'])
    expect(open(example, at(2, 600, 2))).toEqual(['quorum', 'solo'])
    expect(open(example, at(2, 0, 0))).toEqual(['solo'])
    expect(open(example, at(3, 7200, 0))).toEqual([])
    const [quorum, solo] = example.rule(facts).open
    expect(solo?.maxLifeSeconds).toBeLessThan(quorum?.maxLifeSeconds ?? 0)
    expect(solo?.reviewSeconds).toBeLessThan(quorum?.reviewSeconds ?? 0)
  })

  it('RV-07 leaves the last way open, for minutes, when a review is overdue', () => {
    const at = (lifeSeconds: number): Facts => ({
      ...facts,
      lifeSeconds,
      reviews: { open: 1, overdue: 1 },
    })
    expect(open(example, at(300))).toEqual(['solo'])
    expect(open(example, at(301))).toEqual([])
    expect(closedBy(example, at(300), 'quorum')?.forbids).toEqual(['review-overdue'])
  })

  it('grants lives of seconds', () => {
    expect(open(example, { ...facts, lifeSeconds: 5 })).toEqual(['quorum', 'solo'])
  })

  it('closes tier 0 to a single approval', () => {
    const tierZero = bundleOf({
      ...exampleFiles,
      ...edited('estate.yaml', 'tier: 1', 'tier: 0'),
    })
    expect(open(tierZero, facts)).toEqual([])
    expect(open(tierZero, { ...facts, entitlement: 'payments-db-admin' })).toEqual([
      'quorum',
    ])
  })

  it('judges facts that are all sound', () => {
    expect(checkFacts(example.estate, facts)).toEqual({ ok: true, value: facts })
  })
})

describe('an incident that is not open, not known or of another system', () => {
  const careless = only([policy('all', 'permit', 'context.incident.severity <= 2')])

  test.each([{ known: false }, { open: false }, { affectsSystem: false }])(
    'helps nobody past a policy that looks at its severity alone: %j',
    (change) => {
      for (const severity of [0, 1, 2])
        expect(
          open(careless, {
            ...facts,
            incident: { ...facts.incident, severity, ...change },
          }),
        ).toEqual([])
    },
  )
})
