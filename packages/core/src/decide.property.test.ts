import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { confersAccess, isIn, openedPhases } from './grant.ts'
import type { GrantCommand } from './grant-command.ts'
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
  envelope,
  goneReport,
  markOverdue,
  quorumOf,
  reportOf,
  review,
  robo,
  type Step,
  second,
  timeOut,
} from './testing.ts'

const two = quorumOf(2)
const applied = reportOf({ kind: 'applied', sealedDigest: digest('jwe'), revealId: 'r1' })
const ending = reportOf({ kind: 'ending', cause: 'deadline' })
const absent = reportOf(goneReport)
const active = after(
  askedFor(two),
  [1, approve(bob)],
  [2, approve(cy)],
  [3, activate(two, [bob, cy])],
  [4, applied],
)

describe('whatever people do, in any order', () => {
  const who = fc.constantFrom(ada, robo, bob, cy, dee)
  const command = fc.oneof(
    who.map(approve),
    fc.constantFrom<GrantCommand>(
      activate(two, [bob, cy]),
      activate(two, [bob, cy, dee]),
      activate(two, [bob, bob]),
      timeOut,
      applied,
      ending,
      absent,
      { kind: 'revoke', by: bob, act: envelope },
      { kind: 'return', by: ada, act: envelope },
      { kind: 'close_incident' },
      markOverdue,
      { ...approve(dee), kind: 'deny' } as GrantCommand,
    ),
    who.map(review),
    who.map(attest),
  )
  const steps = fc.array(fc.tuple(fc.nat(140), command), { minLength: 4, maxLength: 30 })
  const inTime = (steps: Step[]) => steps.toSorted(([one], [other]) => one - other)

  test('INV-3 INV-4 AP-11 no door opens without a quorum of other people', () => {
    let opened = 0
    fc.assert(
      fc.property(steps, (steps) => {
        const grant = after(askedFor(two), ...inTime(steps))
        if (!isIn(grant, ...openedPhases)) return
        opened++
        expect(new Set(grant.approvers).size).toBeGreaterThanOrEqual(2)
        expect(grant.approvers).not.toContain(ada)
        expect(grant.approvers).not.toContain(robo)
      }),
      { numRuns: 3000 },
    )
    expect(opened).toBeGreaterThan(0)
  })

  test('INV-8 a grant that stopped conferring access never confers it again', () => {
    let ended = 0
    fc.assert(
      fc.property(steps, (steps) => {
        let over = false
        let grant = active
        for (const [at, command] of inTime(steps)) {
          grant = after(grant, [at, command])
          const open = confersAccess(grant, second(at))
          expect(open && over).toBe(false)
          over ||= !open
        }
        ended += Number(over)
      }),
    )
    expect(ended).toBeGreaterThan(0)
  })

  test('INV-17 a review closes only after proof of absence, by someone uninvolved', () => {
    let reviewed = 0
    fc.assert(
      fc.property(steps, (steps) => {
        const grant = after(active, ...inTime(steps))
        if (grant.phase !== 'closed') return
        reviewed++
        expect([ada, robo, ...grant.approvers]).not.toContain(grant.reviewer)
        expect(
          grant.targets.every(({ phase, attested }) => phase === 'absent' || attested),
        ).toBe(true)
      }),
      { numRuns: 2000 },
    )
    expect(reviewed).toBeGreaterThan(0)
  })

  test('AP-11 in 10,000 schedules nothing follows a deny, a withdrawal or a lapse', () => {
    const deny: GrantCommand = { ...approve(dee), kind: 'deny' } as GrantCommand
    const race = fc.shuffledSubarray<GrantCommand>(
      [
        approve(bob),
        approve(cy),
        deny,
        { kind: 'withdraw', by: ada, act: envelope },
        activate(two, [bob, cy]),
        { kind: 'void' },
      ],
      { minLength: 3 },
    )
    let stopped = 0
    fc.assert(
      fc.property(race, (commands) => {
        const ends = commands.findIndex(({ kind }) =>
          ['deny', 'withdraw', 'void'].includes(kind),
        )
        const opens = commands.findIndex(({ kind }) => kind === 'activate')
        const grant = after(
          askedFor(two),
          ...commands.map((command, at): Step => [at, command]),
        )
        if (ends === -1 || (opens !== -1 && opens < ends)) return
        stopped++
        expect(['denied', 'withdrawn', 'lapsed']).toContain(grant.phase)
      }),
      { numRuns: 10_000 },
    )
    expect(stopped).toBeGreaterThan(1000)
  })
})
