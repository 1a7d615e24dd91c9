import type { Digest, Roster } from '@halligan/core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  edited,
  exampleFiles,
  must,
  type Name,
  nonceFor,
  openEstate,
  sign,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  activate,
  applyPolicy,
  approve,
  declareIncident,
  kindsOf,
  nextRoster,
  phaseOf,
  refusalsOf,
  request,
  signApproval,
  workOff,
} from '../../test/flow-kit.ts'
import { approveRequest } from './approve-request.ts'
import { denyRequest } from './deny-request.ts'
import { withdrawRequest } from './withdraw-request.ts'

let estate: TestEstate
const open = async (files = exampleFiles) => {
  estate = await openEstate({ files })
  await declareIncident(estate)
}
beforeEach(() => open())
afterEach(() => estate.close())

const reopen = async (files: typeof exampleFiles) => {
  await estate.close()
  await open(files)
}

const leads = (members: string) =>
  edited('estate.yaml', 'payments-leads: [bob, cy]', `payments-leads: [${members}]`)

const withoutKeys =
  (...gone: readonly Name[]) =>
  ({ people }: Roster) => ({
    people: people.map((one) =>
      gone.some((name) => name === one.person) ? { ...one, keys: [] } : one,
    ),
  })

const approversOf = (grant: Parameters<typeof phaseOf>[1]) => {
  const found = estate.deps.view().grant(grant)
  return found !== null && 'approvers' in found ? found.approvers : []
}

test('from request to access with one approval', async () => {
  const asked = await request(estate)
  expect(phaseOf(estate, asked.grant)).toBe('pending')
  must(await approve(estate, 'bob', asked))
  expect(phaseOf(estate, asked.grant)).toBe('approved')
  expect(must(await activate(estate, 'ada', asked))).toMatchObject({ phase: 'active' })
  expect(kindsOf(estate, `grant/${asked.grant}`)).toEqual([
    'requested',
    'ruled',
    'approval_given',
    'approved',
    'activated',
    'ordered',
    'review_opened',
  ])
})

describe('nothing is counted, and one entry says so,', () => {
  /** The approval is refused as `code`: one entry in the approver's record, none in the grant's. */
  const refused = async (
    by: Name,
    asked: Awaited<ReturnType<typeof request>>,
    code: string,
  ) => {
    const before = kindsOf(estate, `grant/${asked.grant}`)
    const answer = await approve(estate, by, asked)
    expect(answer).toMatchObject({ ok: false, error: { code } })
    expect(kindsOf(estate, `grant/${asked.grant}`)).toEqual(before)
    expect(refusalsOf(estate, by)).toEqual([code])
  }

  test('AP-01 when the requester, an approver too, approves', async () => {
    await reopen(leads('ada, bob, cy'))
    await refused('ada', await request(estate), 'own_request')
  })

  test('AP-02 when the owner of the agent that asks approves', async () => {
    await reopen(leads('ada, bob, cy'))
    await refused('ada', await request(estate, { by: 'robo' }), 'own_request')
  })

  test('AP-02 when an agent of the requester approves', async () => {
    await refused('robo', await request(estate), 'own_request')
  })

  test('AP-05 when one person approves a second time', async () => {
    const asked = await request(estate, { entitlement: 'payments-db-admin' })
    must(await approve(estate, 'bob', asked))
    await refused('bob', asked, 'already_approved')
  })

  test('AP-14 when the approval is of other terms', async () => {
    const asked = await request(estate)
    const termsDigest: Digest = `sha256:${'0'.repeat(64)}`
    await refused('bob', { ...asked, termsDigest }, 'other_terms')
  })

  test('when the deadline has passed', async () => {
    const asked = await request(estate)
    estate.time.pass(900_000)
    await refused('bob', asked, 'too_late')
  })

  test('AP-11 when somebody denied it before', async () => {
    const asked = await request(estate)
    const denial = await sign(estate, 'cy', 'deny', { ...asked, body: {} })
    must(await denyRequest(estate.deps, denial))
    await refused('bob', asked, 'wrong_phase')
  })

  test('when mallory, who has no role, approves', async () => {
    await refused('mallory', await request(estate), 'not_allowed')
  })
})

test('AP-05 one person approving ten times at once counts once', async () => {
  const asked = await request(estate, { entitlement: 'payments-db-admin' })
  const acts = await Promise.all(
    Array.from({ length: 10 }, () => signApproval(estate, 'bob', asked)),
  )
  const answers = await Promise.all(acts.map((act) => approveRequest(estate.deps, act)))
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
  expect(approversOf(asked.grant)).toEqual(['bob'])
  expect(phaseOf(estate, asked.grant)).toBe('pending')
  expect(refusalsOf(estate, 'bob')).toEqual(Array(9).fill('already_approved'))
})

test('AP-08 nobody left who could approve keeps the request waiting, and never lowers the quorum', async () => {
  const asked = await request(estate, { entitlement: 'payments-db-admin' })
  must(await nextRoster(estate, withoutKeys('bob', 'cy')))
  expect(await approve(estate, 'bob', asked)).toMatchObject({
    error: { code: 'unknown_key' },
  })
  estate.time.pass(900_000)
  await workOff(estate)
  expect(phaseOf(estate, asked.grant)).toBe('lapsed')
})

test('AP-08 a route that too few can approve is closed from the start', async () => {
  await reopen(leads('ada'))
  await expect(request(estate)).rejects.toThrow('route_closed')
})

test('AP-10 an approver who lost the role no longer counts when it matters', async () => {
  await reopen(leads('bob, cy, eve'))
  const asked = await request(estate)
  must(await approve(estate, 'cy', asked))
  await applyPolicy(estate, leads('bob, eve'))
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'quorum_lost', approvals: 0, needed: 1 },
  })
  expect(phaseOf(estate, asked.grant)).toBe('approved')
})

test('AP-10 nor one whom only the policy’s rules turned away', async () => {
  await reopen(leads('bob, cy, eve'))
  const asked = await request(estate)
  must(await approve(estate, 'cy', asked))
  const rule = `
@id("cy-rests")
@advice("cy is on leave")
forbid (principal == Person::"cy", action == Action::"approve", resource);
`
  const files = leads('bob, cy, eve')
  await applyPolicy(estate, { ...files, 'acts.cedar': `${files['acts.cedar']}${rule}` })
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'quorum_lost', approvals: 0, needed: 1 },
  })
})

test('AP-10 nor one outside the groups, even if the policy would let anybody approve', async () => {
  const anybody = (files: typeof exampleFiles) => {
    const { 'tests/acts.yaml': _, ...rest } = files
    const acts = (rest['acts.cedar'] ?? '').replace(
      ' && principal in resource.approvers',
      '',
    )
    return { ...rest, 'acts.cedar': acts }
  }
  await reopen(anybody(leads('bob, cy, eve')))
  const asked = await request(estate)
  expect(await approve(estate, 'mallory', asked)).toMatchObject({
    error: { code: 'not_an_approver' },
  })
  must(await approve(estate, 'cy', asked))
  await applyPolicy(estate, anybody(leads('bob, eve')))
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'quorum_lost', approvals: 0, needed: 1 },
  })
})

test('AP-10 an approver whose key left the roster no longer counts either', async () => {
  await reopen(leads('bob, cy, eve'))
  const asked = await request(estate)
  must(await approve(estate, 'cy', asked))
  must(await nextRoster(estate, withoutKeys('cy')))
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'quorum_lost', approvals: 0, needed: 1 },
  })
})

test('AP-22 one approval approves one request, whatever else waits', async () => {
  const first = await request(estate)
  const second = await request(estate, { lifeSeconds: 300 })
  const act = await signApproval(estate, 'bob', first)
  must(await approveRequest(estate.deps, act))
  const nonce = nonceFor(estate.deps, 'bob', 'approve', first.grant, first.termsDigest)
  const moved = await sign(estate, 'bob', 'approve', { ...second, body: {}, nonce })
  expect(await approveRequest(estate.deps, moved)).toMatchObject({
    error: { code: 'bad_nonce' },
  })
  expect(phaseOf(estate, second.grant)).toBe('pending')
})

test('AP-26 no act moves a request to another requester', async () => {
  const asked = await request(estate)
  must(await approve(estate, 'bob', asked))
  for (const by of ['mallory', 'bob', 'dee'] as const)
    expect(await activate(estate, by, asked)).toMatchObject({ ok: false })
  expect(estate.deps.view().grant(asked.grant)).toMatchObject({
    phase: 'approved',
    terms: { requester: 'ada' },
    closure: ['ada', 'robo'],
  })
})

test('INV-7 AP-11 whatever the order, what happened is one history, and a deny ends it', async () => {
  const moves = fc.shuffledSubarray(
    ['bob', 'cy', 'deny', 'withdraw', 'expire', 'go'] as const,
    {
      minLength: 3,
    },
  )
  let opened = 0
  let denied = 0
  await fc.assert(
    fc.asyncProperty(moves, async (order) => {
      const lab = await openEstate()
      try {
        await declareIncident(lab)
        const asked = await request(lab, { entitlement: 'payments-db-admin' })
        await Promise.all(order.map((move) => play(lab, asked, move)))
        const kinds = kindsOf(lab, `grant/${asked.grant}`)
        const phase = phaseOf(lab, asked.grant)
        const given = kinds.filter((kind) => kind === 'approval_given').length
        if (kinds.includes('activated')) expect(given).toBe(2)
        if (kinds.includes('denied')) expect(kinds.at(-1)).toBe('denied')
        if (kinds.includes('withdrawn')) expect(kinds.at(-1)).toBe('withdrawn')
        if (kinds.includes('denied') || kinds.includes('withdrawn'))
          expect(kinds).not.toContain('activated')
        opened += Number(phase === 'active')
        denied += Number(phase === 'denied')
      } finally {
        await lab.close()
      }
    }),
    { numRuns: 25, seed: 7 },
  )
  expect(opened).toBeGreaterThan(0)
  expect(denied).toBeGreaterThan(0)
})

async function play(
  lab: TestEstate,
  asked: Awaited<ReturnType<typeof request>>,
  move: 'bob' | 'cy' | 'deny' | 'withdraw' | 'expire' | 'go',
): Promise<unknown> {
  switch (move) {
    case 'bob':
    case 'cy':
      return await approve(lab, move, asked)
    case 'deny':
      return await denyRequest(
        lab.deps,
        await sign(lab, 'bob', 'deny', { ...asked, body: {} }),
      )
    case 'withdraw': {
      const act = await sign(lab, 'ada', 'withdraw', { ...asked, body: {} })
      return await withdrawRequest(lab.deps, act)
    }
    case 'expire':
      return await workOff(lab)
    case 'go':
      return await activate(lab, 'ada', asked)
  }
}
