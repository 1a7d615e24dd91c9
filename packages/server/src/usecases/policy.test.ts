import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  digestOfFiles,
  edited,
  exampleFiles,
  must,
  type Name,
  openEstate,
  person,
  sign,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  applyPolicy,
  approve,
  declareIncident,
  entriesOf,
  kindsOf,
  refusalsOf,
  request,
  signRequest,
} from '../../test/flow-kit.ts'
import { approvePolicy } from './approve-policy.ts'
import { proposePolicy } from './propose-policy.ts'
import { requestAccess } from './request-access.ts'

let estate: TestEstate
const open = async (files = exampleFiles) => {
  estate = await openEstate({ files })
  await declareIncident(estate)
}
beforeEach(() => open())
afterEach(() => estate.close())

const stricter = edited('estate.yaml', 'revokeSloSeconds: 60', 'revokeSloSeconds: 30')
const changedBy = (approvals: string, groups: string) =>
  edited(
    'estate.yaml',
    'approvals: 2\n  groups: [payments-leads, security]',
    `${approvals}\n  ${groups}`,
  )
const inForce = () => estate.deps.view().bundleInForce()

const propose = async (
  by: Name,
  files: typeof exampleFiles,
  over = digestOfFiles(files),
) => {
  const act = await sign(estate, by, 'propose_policy', { body: { bundleDigest: over } })
  return await proposePolicy(estate.deps, { ...act, bundle: files })
}

const assent = async (by: Name, files: typeof exampleFiles) => {
  const body = { bundleDigest: digestOfFiles(files) }
  return await approvePolicy(
    estate.deps,
    await sign(estate, by, 'approve_policy', { body }),
  )
}

test('a bundle is in force with its quorum, and not before', async () => {
  must(await propose('bob', stricter))
  must(await assent('cy', stricter))
  expect(inForce()).toBe(digestOfFiles(exampleFiles))
  must(await assent('dee', stricter))
  expect(inForce()).toBe(digestOfFiles(stricter))
  expect(kindsOf(estate, 'policy')).toEqual([
    'policy_applied',
    'policy_proposed',
    'policy_approval_given',
    'policy_approval_given',
    'policy_applied',
  ])
})

describe('an approval does not count', () => {
  test.each([
    ['of the author', 'cy', 'cy', 'own_request'],
    ['of mallory', 'cy', 'mallory', 'not_allowed'],
  ] as const)('%s', async (_, author, by, code) => {
    must(await propose(author, stricter))
    expect(await assent(by, stricter)).toMatchObject({ error: { code } })
    expect(inForce()).toBe(digestOfFiles(exampleFiles))
  })

  test('of someone outside the groups', async () => {
    await estate.close()
    await open(changedBy('approvals: 1', 'groups: [security]'))
    must(await propose('cy', stricter))
    expect(await assent('bob', stricter)).toMatchObject({
      error: { code: 'not_an_approver' },
    })
  })

  test('given twice by one person', async () => {
    must(await propose('bob', stricter))
    must(await assent('cy', stricter))
    expect(await assent('cy', stricter)).toMatchObject({
      error: { code: 'already_approved' },
    })
  })

  test('for a bundle that nobody proposed', async () => {
    expect(await assent('cy', stricter)).toMatchObject({
      error: { code: 'unknown_bundle' },
    })
  })
})

describe('a bundle is not even proposed', () => {
  test.each([
    ['with a syntax error', 'access.cedar', 'permit (', 'permit {', 'access.cedar'],
    [
      'with an unknown group',
      'estate.yaml',
      'security: security',
      'security: nobody',
      'estate.yaml',
    ],
    [
      'when its tests fail',
      'estate.yaml',
      'onCall:\n  payments-db: [ada]',
      'onCall:\n  payments-db: [bob]',
      'tests/',
    ],
  ])('%s: file, line and reason', async (_, file, from, to, named) => {
    const bad = edited(file, from, to)
    const answer = await propose('bob', bad)
    expect(answer).toMatchObject({
      error: {
        code: 'bad_bundle',
        problems: expect.arrayContaining([
          expect.objectContaining({
            file: expect.stringContaining(named),
            line: expect.any(Number),
            reason: expect.any(String),
          }),
        ]),
      },
    })
    expect(kindsOf(estate, 'policy')).toEqual(['policy_applied'])
    expect(refusalsOf(estate, 'bob')).toEqual(['bad_bundle'])
  })

  test('under the digest of another', async () => {
    expect(await propose('bob', stricter, digestOfFiles(exampleFiles))).toMatchObject({
      error: { code: 'bad_bundle' },
    })
  })
})

describe('a bundle that its author leaves too few people to approve', () => {
  beforeEach(async () => {
    await estate.close()
    await open(changedBy('approvals: 2', 'groups: [security]'))
  })

  test('is refused at once, and not left waiting for nobody', async () => {
    expect(await propose('cy', stricter)).toEqual({
      ok: false,
      error: { code: 'cannot_reach_quorum', needed: 2, eligible: ['dee'] },
    })
    expect(refusalsOf(estate, 'cy')).toEqual(['cannot_reach_quorum'])
  })

  test('may be proposed by somebody else', async () => {
    must(await propose('bob', stricter))
    must(await assent('cy', stricter))
    must(await assent('dee', stricter))
    expect(inForce()).toBe(digestOfFiles(stricter))
  })
})

test.each(['bob', 'cy', 'dee'] as const)(
  '%s may propose in the example',
  async (author) => {
    must(await propose(author, stricter))
    for (const by of (['bob', 'cy', 'dee'] as const).filter((name) => name !== author))
      must(await assent(by, stricter))
    expect(inForce()).toBe(digestOfFiles(stricter))
  },
)

describe('PO-05 an old bundle put forward again', () => {
  test('is a new change: earlier approvals of it do not count', async () => {
    await applyPolicy(estate, stricter)
    await applyPolicy(estate, exampleFiles)
    must(await propose('bob', stricter))
    expect(inForce()).toBe(digestOfFiles(exampleFiles))
    must(await assent('cy', stricter))
    expect(inForce()).toBe(digestOfFiles(exampleFiles))
    must(await assent('dee', stricter))
    expect(inForce()).toBe(digestOfFiles(stricter))
    const applied = entriesOf(estate, 'policy').filter(
      ({ kind }) => kind === 'policy_applied',
    )
    expect(applied).toHaveLength(4)
  })

  test('takes no approval without being proposed again', async () => {
    await applyPolicy(estate, stricter)
    await applyPolicy(estate, exampleFiles)
    expect(await assent('cy', stricter)).toMatchObject({ error: { code: 'already_done' } })
  })
})

const applyPolicyOf = async (by: Name, files: typeof exampleFiles) => {
  must(await propose(by, files))
  must(await assent('cy', files))
  must(await assent('dee', files))
}

describe('PO-07 who changed the policy gains nothing by it for a day', () => {
  const adaLeads = edited(
    'estate.yaml',
    'payments-leads: [bob, cy]',
    'payments-leads: [ada, bob, cy]',
  )

  /** The example's own tests would keep such a bundle from being proposed. */
  const without = (files: typeof exampleFiles, ...gone: readonly string[]) =>
    Object.fromEntries(Object.entries(files).filter(([file]) => !gone.includes(file)))

  test('not as requester, even when the new policy would let', async () => {
    await estate.close()
    await open(adaLeads)
    const guardrails = adaLeads['guardrails.cedar'] ?? ''
    const lax = without(
      {
        ...adaLeads,
        'guardrails.cedar': guardrails.replace(
          'when { context.recentPolicyAuthor }',
          'when { context.recentPolicyAuthor && false }',
        ),
      },
      'tests/acts.yaml',
      'tests/repair.yaml',
    )
    must(await propose('ada', lax))
    must(await assent('cy', lax))
    must(await assent('dee', lax))
    const asked = await signRequest(estate)
    expect(await requestAccess(estate.deps, asked.input)).toMatchObject({
      error: { code: 'recent_policy_author' },
    })
    estate.time.pass(24 * 3600_000)
    await declareIncident(estate, 'inc-2')
    await request(estate, { incident: 'inc-2' })
  })

  test('INV-4 not through an agent of theirs, nor through one that acts for them', async () => {
    await estate.close()
    await open(adaLeads)
    await applyPolicyOf('ada', without(adaLeads, 'tests/acts.yaml', 'tests/repair.yaml'))
    const byRobo = await signRequest(estate, { by: 'robo', lifeSeconds: 60 })
    expect(await requestAccess(estate.deps, byRobo.input)).toMatchObject({
      error: { code: 'recent_policy_author' },
    })
    const forAda = await signRequest(estate, { by: 'bob', actsFor: [person('ada')] })
    expect(await requestAccess(estate.deps, forAda.input)).toMatchObject({
      error: { code: 'recent_policy_author' },
    })
  })

  test('not as approver', async () => {
    await applyPolicy(estate, stricter)
    const asked = await request(estate)
    expect(await approve(estate, 'bob', asked)).toMatchObject({
      error: { code: 'recent_policy_author' },
    })
    must(await approve(estate, 'cy', asked))
  })
})
