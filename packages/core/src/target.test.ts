import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import type { GrantCommand } from './grant-command.ts'
import type { ReceiptDetail } from './receipt.ts'
import { orderedTarget, owesRotation, reported, type TargetState } from './target.ts'
import {
  activate,
  ada,
  after,
  approve,
  askedFor,
  attest,
  bob,
  cy,
  dee,
  digest,
  goneReport,
  markOverdue,
  quorumOf,
  reportOf,
  review,
  second,
  timeOut,
} from './testing.ts'

const applied = {
  kind: 'applied',
  sealedDigest: digest('jwe'),
  revealId: 'r1',
} as const satisfies ReceiptDetail
const ending: ReceiptDetail = { kind: 'ending', cause: 'order' }
const probes = [{ probe: 'old_secret', absent: true, at: second(1) }]
const rotated: ReceiptDetail = { kind: 'rotated', probes }
const cleaned: ReceiptDetail = {
  kind: 'cleaned',
  diffCommitment: digest('diff'),
  findings: 0,
}
const struggling = (work: 'apply' | 'end' | 'rotate' | 'clean', attempts = 2) =>
  ({ kind: 'struggling', work, attempts, reasonCommitment: digest('why') }) as const

const told = (...reports: readonly ReceiptDetail[]): TargetState =>
  reports.reduce(
    (target, report, i) => reported(target, report, second(i)),
    orderedTarget('pg', 'enf'),
  )

describe('what a target tells of its enforcer’s work', () => {
  test('the attempt, the work and the reason of what is not done yet', () => {
    expect(told(applied, ending, struggling('end'), struggling('end', 4))).toMatchObject({
      phase: 'revoking',
      trouble: {
        work: 'end',
        attempts: 4,
        reasonCommitment: digest('why'),
        at: second(3),
      },
    })
  })

  test.each<[string, readonly ReceiptDetail[], ReceiptDetail]>([
    ['apply', [struggling('apply')], applied],
    ['apply', [struggling('apply')], { kind: 'refused', codes: ['late'] }],
    ['apply', [struggling('apply')], ending],
    ['end', [applied, ending, struggling('end')], goneReport],
    ['rotate', [applied, ending, struggling('rotate')], rotated],
    ['clean', [applied, ending, goneReport, struggling('clean')], cleaned],
  ])('is quiet about %s once %o is followed by %o', (_, before, last) => {
    expect(told(...before).trouble).not.toBeNull()
    expect(told(...before, last).trouble).toBeNull()
  })

  test('trouble with one thing is not over when another is done', () => {
    const still = told(applied, ending, goneReport, struggling('clean'), rotated)
    expect(still.trouble).toMatchObject({ work: 'clean' })
  })

  test('how absence was shown, the first time', () => {
    const first = told(applied, ending, goneReport)
    expect(first.absence).toEqual({
      at: second(2),
      probes: goneReport.probes,
      alreadyAbsent: false,
    })
    const again = reported(first, { ...goneReport, alreadyAbsent: true }, second(9))
    expect(again.absence).toEqual(first.absence)
  })

  test('INV-10 INV-8 nothing but a probe of absence shows absence', () => {
    const others = [applied, ending, rotated, cleaned, struggling('end')]
    const never = told(...others, { kind: 'unknown' })
    expect(never).toMatchObject({ phase: 'revoking', absence: null, attested: false })
  })
})

describe('a secret of a shared account', () => {
  const two = quorumOf(2)
  const active = after(
    askedFor(two),
    [1, approve(bob)],
    [2, approve(cy)],
    [3, activate(two, [bob, cy])],
    [4, reportOf({ ...applied, shared: true })],
  )
  const ended = after(active, [63, timeOut])
  const gone = after(ended, [64, reportOf(goneReport)])
  const markRotation: GrantCommand = { kind: 'mark_rotation_overdue', target: 'pg' }
  const late = after(gone, [63 + 3600, markRotation])

  test('stays exposed through absence, and holds the review open', () => {
    expect(gone).toMatchObject({
      phase: 'under_review',
      targets: [{ phase: 'absent', exposure: 'exposed' }],
    })
    expect(decide(gone, review(dee), second(70))).toMatchObject({
      error: { code: 'secret_not_rotated', targets: ['pg'] },
    })
  })

  test('is harmless once it was shown to be another', () => {
    const turned = after(gone, [65, reportOf(rotated)])
    expect(turned).toMatchObject({
      targets: [{ exposure: 'rotated', rotation: { at: second(65), probes } }],
    })
    expect(after(turned, [70, review(dee)]).phase).toBe('closed')
    expect(decide(turned, markRotation, second(9999))).toMatchObject({
      error: { code: 'target_settled' },
    })
  })

  test('INV-20 is not rotated by a report that shows nothing', () => {
    const shown = [[], [...probes, { probe: 'new_secret', absent: false, at: second(1) }]]
    for (const each of shown)
      expect(
        decide(gone, reportOf({ kind: 'rotated', probes: each }), second(65)),
      ).toMatchObject({ error: { code: 'target_not_absent' } })
  })

  test('is overdue an hour after the end and no sooner, once', () => {
    expect(decide(gone, markRotation, second(63 + 3599))).toMatchObject({
      error: { code: 'not_due', due: second(63 + 3600) },
    })
    expect(late).toMatchObject({
      targets: [{ rotationOverdue: { since: second(3663) }, exposure: 'exposed' }],
    })
    expect(decide(late, markRotation, second(9999))).toMatchObject({ value: [] })
  })

  test('leaves the books by two people who do not answer for the requester', () => {
    expect(decide(gone, attest(dee), second(70))).toMatchObject({
      error: { code: 'not_overdue' },
    })
    expect(decide(late, attest(ada), second(4000))).toMatchObject({
      error: { code: 'own_request' },
    })
    const one = after(late, [4000, attest(dee)])
    expect(decide(one, review(dee), second(4001)).ok).toBe(false)
    const both = after(one, [4001, attest(bob)])
    expect(both).toMatchObject({
      targets: [{ attested: true, attestors: [dee, bob], exposure: 'exposed' }],
    })
    expect(after(both, [4002, review(dee)]).phase).toBe('closed')
  })

  test('who vouched for absence alone has not vouched for the secret', () => {
    const half = after(ended, [123, markOverdue], [124, attest(dee)])
    const then = after(half, [130, reportOf(goneReport)], [3663, markRotation])
    const one = after(then, [4000, attest(bob)])
    expect(one).toMatchObject({ targets: [{ attested: false, attestors: [bob] }] })
  })

  test('of an account that no grant exposed is owed by nobody', () => {
    expect(owesRotation(told(applied, ending, goneReport))).toBe(false)
  })
})
