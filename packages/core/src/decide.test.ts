import { describe, expect, it, test } from 'vitest'
import { decide, decideRequest, judgeActivation } from './decide.ts'
import { floor } from './floor.ts'
import { confersAccess, evolve, type Grant, type Phase } from './grant.ts'
import type { GrantCommand } from './grant-command.ts'
import type { GrantEvent } from './grant-event.ts'
import {
  activate,
  ada,
  after,
  approve,
  askedFor,
  asking,
  attest,
  bob,
  cy,
  dee,
  digest,
  envelope,
  goneReport,
  markOverdue,
  quorumOf,
  reportOf,
  review,
  robo,
  rulingWith,
  type Step,
  second,
  standing,
  timeOut,
} from './testing.ts'

const two = quorumOf(2)
const applied = reportOf({ kind: 'applied', sealedDigest: digest('jwe'), revealId: 'r1' })
const absent = reportOf(goneReport)

const pending = after(askedFor(two), [1, approve(bob)])
const approved = after(pending, [2, approve(cy)])
const active = after(approved, [3, activate(two, [bob, cy])], [4, applied])
const expired = after(active, [63, timeOut])
const overdue = after(expired, [123, markOverdue])
const revoked = after(active, [9, { kind: 'revoke', by: bob, act: envelope }])
const returned = after(active, [9, { kind: 'return', by: ada, act: envelope }])
const underReview = after(expired, [65, absent])
const closed = after(underReview, [70, review(dee)])
const denied = after(pending, [2, { ...approve(cy), kind: 'deny' } as GrantCommand])
const withdrawn = after(pending, [2, { kind: 'withdraw', by: ada, act: envelope }])
const lapsed = after(pending, [900, timeOut])

describe('a grant', () => {
  it('runs from request to closed review', () => {
    expect(closed).toMatchObject({ phase: 'closed', finding: 'justified', reviewer: dee })
  })

  it('starts without approval when the route is solo, and is reviewed all the same', () => {
    const solo = quorumOf(0)
    const opened = after(askedFor(solo), [1, activate(solo, [])])
    expect(opened).toMatchObject({ phase: 'active', review: { group: 'reviewers' } })
  })

  it('TM-08 EN-23 stops conferring access on time, even if nobody says so', () => {
    expect(confersAccess(active, second(62.999))).toBe(true)
    expect(confersAccess(active, second(63))).toBe(false)
  })

  it('INV-6 never outlives the hard floor, whatever the terms ask', () => {
    const route = { ...two, maxLifeSeconds: 10 ** 6 }
    const grant = {
      ...approved,
      terms: { ...approved.terms, lifeSeconds: 10 ** 6 },
    } as Grant
    const command = activate(route, [bob, cy])
    const judged = judgeActivation(grant, command as never, second(3))
    expect(judged).toMatchObject({
      ok: true,
      value: { notAfter: 3000 + floor.maxLifeSeconds * 1000 },
    })
  })

  it('INV-10 counts an unknown apply as applied: review waits for proof of absence', () => {
    const unknown = after(
      approved,
      [3, activate(two, [bob, cy])],
      [4, reportOf({ kind: 'unknown' })],
      [63, timeOut],
    )
    expect(decide(unknown, review(dee), second(70))).toMatchObject({
      error: { code: 'target_not_absent' },
    })
  })

  it('ends returned when every target refused, and is still reviewed', () => {
    const refused = reportOf({ kind: 'refused', codes: ['privileges_outside_guard'] })
    const grant = after(approved, [3, activate(two, [bob, cy])], [4, refused])
    expect(grant.phase).toBe('under_review')
    expect(decide(grant, review(dee), second(5)).ok).toBe(true)
  })

  it('ends when its enforcer ended it locally before the deadline', () => {
    const local = after(active, [9, reportOf({ kind: 'ending', cause: 'local_root' })])
    expect(local).toMatchObject({ phase: 'revoked', endedAt: second(9) })
    const onTime = after(active, [62, reportOf({ kind: 'ending', cause: 'deadline' })])
    expect(onTime).toMatchObject({ phase: 'expired', endedAt: second(62) })
  })

  it('AC-07 keeps the truth of each target apart, and the unknown one on the books', () => {
    const orders = ['pg', 'redis'].map((target) => ({
      target,
      enforcer: 'enf',
      order: envelope,
      orderDigest: digest(target),
    }))
    const partial = after(
      askedFor(two, ['pg', 'redis']),
      [1, approve(bob)],
      [2, approve(cy)],
      [3, activate(two, [bob, cy], { orders })],
      [4, applied],
      [5, reportOf({ kind: 'unknown' }, 'redis')],
      [63, timeOut],
      [64, absent],
    )
    expect(partial).toMatchObject({
      phase: 'expired',
      targets: [
        { target: 'pg', phase: 'absent' },
        { target: 'redis', phase: 'unknown' },
      ],
    })
  })

  it('EN-19 C-02 two people attest what no probe can reach, shown as attested and never as absent', () => {
    const gone = after(overdue, [125, attest(bob)], [126, attest(dee)])
    expect(gone).toMatchObject({
      phase: 'under_review',
      targets: [{ attested: true, phase: 'applied' }],
    })
  })

  it('RV-08 a later verdict supersedes and stays under the same rules', () => {
    expect(decide(closed, review(dee), second(99))).toMatchObject({
      value: [{ kind: 'superseded' }],
    })
    expect(decide(closed, review(bob), second(99)).ok).toBe(false)
  })

  it('INV-9 is overdue when the SLO passes without proof, once', () => {
    const command: GrantCommand = { kind: 'mark_overdue', target: 'pg', sloSeconds: 60 }
    expect(decide(expired, command, second(122))).toMatchObject({
      error: { code: 'not_due' },
    })
    const late = after(expired, [123, command])
    expect(late).toMatchObject({ targets: [{ overdue: { since: second(123) } }] })
    expect(decide(late, command, second(124))).toMatchObject({ value: [] })
    expect(after(late, [130, absent])).toMatchObject({ phase: 'under_review' })
  })
})

describe('decide refuses', () => {
  test.each<[string, Grant, Step, string]>([
    ['AP-01 approval by the requester', pending, [2, approve(ada)], 'own_request'],
    [
      'AP-02 approval by what the requester owns',
      pending,
      [2, approve(robo)],
      'own_request',
    ],
    [
      'AP-05 a second approval by one person',
      pending,
      [2, approve(bob)],
      'already_approved',
    ],
    [
      'INV-23 approval by a workload',
      pending,
      [2, { ...approve(cy), by: standing(cy, ['leads'], 'agent') } as GrantCommand],
      'not_human',
    ],
    [
      'AP-08 approval from outside the groups',
      pending,
      [2, { ...approve(dee), by: standing(dee, ['guests']) } as GrantCommand],
      'not_an_approver',
    ],
    [
      'a key in its cool-down',
      pending,
      [
        2,
        {
          ...approve(cy),
          by: { ...standing(cy), approvesFrom: second(3) },
        } as GrantCommand,
      ],
      'key_cooling_down',
    ],
    [
      'AP-29 approval of other terms',
      pending,
      [2, { ...approve(cy), termsDigest: digest('other') } as GrantCommand],
      'other_terms',
    ],
    ['approval past the deadline', pending, [900, approve(cy)], 'too_late'],
    ['AP-11 approval after a deny', denied, [3, approve(cy)], 'wrong_phase'],
    [
      'AP-26 withdrawal by another',
      pending,
      [2, { kind: 'withdraw', by: bob, act: envelope }],
      'not_requester',
    ],
    [
      'AC-02 activation past the deadline',
      approved,
      [602, activate(two, [bob, cy])],
      'too_late',
    ],
    [
      'AC-05 activation by another',
      approved,
      [3, activate(two, [bob, cy], { by: bob })],
      'not_requester',
    ],
    [
      'AP-29 activation of changed terms',
      approved,
      [3, activate(two, [bob, cy], { termsDigest: digest('x') })],
      'terms_changed',
    ],
    [
      'INV-3 activation of a route since closed',
      approved,
      [3, activate(two, [bob, cy], { ruling: rulingWith() })],
      'route_closed',
    ],
    [
      'AP-10 activation after an approver left',
      approved,
      [3, activate(two, [bob])],
      'quorum_lost',
    ],
    [
      'AP-10 activation after an approver lost the role',
      approved,
      [3, activate(two, [bob], { approvers: [standing(bob), standing(cy, [])] })],
      'quorum_lost',
    ],
    [
      'INV-4 approvals that nobody gave',
      approved,
      [3, activate(two, [bob, dee])],
      'quorum_lost',
    ],
    ['a time-out before it is due', active, [62, timeOut], 'not_due'],
    [
      'return by another',
      active,
      [9, { kind: 'return', by: bob, act: envelope }],
      'not_requester',
    ],
    [
      'reveal to another',
      active,
      [9, { kind: 'reveal', by: bob, target: 'pg', act: envelope }],
      'not_requester',
    ],
    [
      'reveal past the end',
      active,
      [63, { kind: 'reveal', by: ada, target: 'pg', act: envelope }],
      'too_late',
    ],
    [
      'RV-01 review by the requester',
      underReview,
      [66, review(ada)],
      'reviewer_not_independent',
    ],
    [
      'RV-02 review by an approver',
      underReview,
      [66, review(bob)],
      'reviewer_not_independent',
    ],
    [
      'review before every target is absent',
      expired,
      [66, review(dee)],
      'target_not_absent',
    ],
    ['review while access stands', active, [9, review(dee)], 'target_not_absent'],
    [
      'review of stale evidence',
      underReview,
      [66, { ...review(dee), currentEvidence: digest('more') } as GrantCommand],
      'new_evidence',
    ],
    ['attestation by the requester', overdue, [125, attest(ada)], 'own_request'],
    ['EN-19 attestation before it is overdue', expired, [66, attest(dee)], 'not_overdue'],
    [
      'EN-19 a second attestation by one person',
      after(overdue, [125, attest(dee)]),
      [126, attest(dee)],
      'already_attested',
    ],
    [
      'a report on a target the grant does not name',
      active,
      [9, reportOf({ kind: 'unknown' }, 'redis')],
      'unknown_target',
    ],
  ])('%s', (_, grant, [at, command], code) => {
    expect(decide(grant, command, second(at))).toMatchObject({ ok: false, error: { code } })
  })

  test('a request whose route is closed, and leaves no grant', () => {
    const decided = decideRequest({ ...asking(two), ruling: rulingWith() }, second(0))
    expect(decided).toMatchObject({ ok: false, error: { code: 'route_closed' } })
  })
})

// The lifecycle in one table. A new phase or command does not compile until it is here.
const always = ['order', 'report'] as const
const ended = [
  'attest',
  'mark_rotation_overdue',
  'review',
  'mark_review_overdue',
  ...always,
] as const
const lawful: Record<Exclude<Phase, 'requested'>, [Grant, ...GrantCommand['kind'][]]> = {
  pending: [pending, 'approve', 'deny', 'withdraw', 'void', 'time_out'],
  approved: [approved, 'deny', 'withdraw', 'activate', 'void', 'time_out'],
  active: [
    active,
    'revoke',
    'return',
    'close_incident',
    'time_out',
    'reveal',
    'review',
    'mark_review_overdue',
    ...always,
  ],
  expired: [expired, 'mark_overdue', ...ended],
  revoked: [revoked, 'mark_overdue', ...ended],
  returned: [returned, 'mark_overdue', ...ended],
  under_review: [underReview, ...ended],
  closed: [closed, 'review', ...always],
  denied: [denied],
  withdrawn: [withdrawn],
  lapsed: [lapsed],
}
const oneOfEach: Record<GrantCommand['kind'], GrantCommand> = {
  approve: approve(cy),
  deny: { ...approve(cy), kind: 'deny' } as GrantCommand,
  withdraw: { kind: 'withdraw', by: ada, act: envelope },
  activate: activate(two, [bob, cy]),
  void: { kind: 'void' },
  revoke: { kind: 'revoke', by: bob, act: envelope },
  return: { kind: 'return', by: ada, act: envelope },
  close_incident: { kind: 'close_incident' },
  time_out: timeOut,
  order: { kind: 'order', op: 'end', orders: [] },
  reveal: { kind: 'reveal', by: ada, target: 'pg', act: envelope },
  report: applied,
  mark_overdue: markOverdue,
  mark_rotation_overdue: { kind: 'mark_rotation_overdue', target: 'pg' },
  mark_review_overdue: { kind: 'mark_review_overdue' },
  attest: attest(dee),
  review: review(dee),
}

describe.each(Object.entries(lawful))('INV-8 while %s', (phase, [grant, ...allowed]) => {
  test('the grant is there', () => expect(grant.phase).toBe(phase))

  test.each(Object.values(oneOfEach))('$kind', (command) => {
    const decided = decide(grant, command, second(5))
    const wrongPhase = !decided.ok && decided.error.code === 'wrong_phase'
    expect(wrongPhase).toBe(!allowed.includes(command.kind))
  })
})

test.each([
  'ruled',
  'approval_given',
  'approved',
  'denied',
  'withdrawn',
  'lapsed',
  'activated',
  'expired',
  'revoked',
  'returned',
  'closed',
  'requested',
])('INV-8 a ledger with %s after closed is corrupt', (kind) => {
  const event = { kind, at: second(99) } as GrantEvent
  expect(() => evolve(closed, event)).toThrow('corrupt ledger')
})
