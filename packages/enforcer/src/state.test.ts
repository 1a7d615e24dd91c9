import type { Digest, EndingCause, GrantId, Instant, PrincipalId } from '@halligan/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bound } from './deadline.ts'
import {
  advance,
  fenced,
  type HeldOrder,
  type Hold,
  type HoldEvent,
  type HoldPhase,
  unheld,
} from './state.ts'

const grant = 'g-aaaaaaaaaaaaaaaaaaaaaaaaaa' as GrantId
const at = 1000 as Instant
const digest = `sha256:${'0'.repeat(64)}` as Digest

const order: HeldOrder = {
  orderDigest: digest,
  orderIndex: 7,
  overlapKey: 'payments-pg/ada',
  privileges: ['role:payments_repair'],
  sealTo: { kty: 'OKP', crv: 'X25519', x: 'x' },
  applyBefore: at,
  notAfter: at,
  requester: 'ada' as PrincipalId,
  approvers: ['bob' as PrincipalId],
}
const bound: Bound = {
  bootId: 'boot-1',
  bootAtAccept: 0,
  wallAtAccept: at,
  remainingMillis: 1000,
  notAfter: at,
}

const events: Readonly<Record<HoldEvent['kind'], HoldEvent>> = {
  refused: { kind: 'refused', orderDigest: digest },
  accepted: { kind: 'accepted', order, bound, before: 'before' },
  applying: { kind: 'applying' },
  uncertain: { kind: 'uncertain' },
  applied: { kind: 'applied', revealId: 'r1' },
  resealed: { kind: 'resealed', revealId: 'r2', orderDigest: digest },
  ending: { kind: 'ending', cause: 'order' satisfies EndingCause, at, about: null },
  end_asked: { kind: 'end_asked' },
  absent: { kind: 'absent', at, probes: [{ probe: 'login', absent: true, at }] },
  rotated: { kind: 'rotated' },
  witnessing: { kind: 'witnessing' },
  witnessed: { kind: 'witnessed' },
  compared: { kind: 'compared', after: 'after' },
  cleaned: { kind: 'cleaned' },
}

const through = (...kinds: HoldEvent['kind'][]): Hold =>
  kinds.reduce(
    (hold, kind) => {
      const next = advance(hold, events[kind])
      if (!next.ok) throw new Error(`${kind} in ${hold.phase}`)
      return next.value
    },
    unheld(grant, 'payments-pg'),
  )

const holds: Readonly<Record<HoldPhase, Hold>> = {
  none: through(),
  refused: through('refused'),
  accepted: through('accepted'),
  applying: through('accepted', 'applying'),
  applied: through('accepted', 'applying', 'applied'),
  ending: through('accepted', 'applying', 'applied', 'ending'),
  absent: through('accepted', 'applying', 'applied', 'ending', 'absent'),
}

/** Where each event leads from each phase; what is not written here is refused. */
const life: Readonly<Record<HoldPhase, Partial<Record<HoldEvent['kind'], HoldPhase>>>> = {
  none: { refused: 'refused', accepted: 'accepted', ending: 'ending' },
  refused: { ending: 'ending' },
  accepted: { applying: 'applying', ending: 'ending' },
  applying: { uncertain: 'applying', applied: 'applied', ending: 'ending' },
  applied: { resealed: 'applied', ending: 'ending' },
  ending: { end_asked: 'ending', absent: 'absent' },
  absent: {
    ...{ rotated: 'absent', witnessing: 'absent', witnessed: 'absent' },
    ...{ compared: 'absent', cleaned: 'absent' },
  },
}

describe('the life of a hold', () => {
  for (const [phase, hold] of Object.entries(holds) as [HoldPhase, Hold][])
    for (const [kind, event] of Object.entries(events) as [
      HoldEvent['kind'],
      HoldEvent,
    ][]) {
      const next = life[phase][kind]
      test(`${kind} in ${phase} ${next === undefined ? 'is refused' : `leads to ${next}`}`, () => {
        const advanced = advance(hold, event)
        expect(advanced.ok ? advanced.value.phase : 'refused').toBe(next ?? 'refused')
        if (next === undefined)
          expect(advanced).toEqual({ ok: false, error: { code: 'wrong_phase', phase } })
      })
    }
})

test('INV-8 INV-11 nothing applies a grant again once it is ending, whatever comes in whatever order', () => {
  let ended = 0
  const some = fc.constantFrom(...Object.values(events))
  fc.assert(
    fc.property(fc.array(some, { maxLength: 30 }), (told) => {
      let hold = unheld(grant, 'payments-pg')
      let over = false
      for (const event of told) {
        const next = advance(hold, event)
        if (next.ok) hold = next.value
        over ||= hold.phase === 'ending'
        if (over) expect(['ending', 'absent']).toContain(hold.phase)
      }
      if (over) ended++
    }),
  )
  expect(ended).toBeGreaterThan(10)
})

test('an ended hold still knows the order its receipts are about', () => {
  expect(holds.absent).toMatchObject({ about: { orderDigest: digest, orderIndex: 7 } })
})

test('a snapshot is not kept once it has been compared', () => {
  const cleaned = through('accepted', 'ending', 'absent', 'compared', 'cleaned')
  expect(cleaned).toMatchObject({ opened: { before: '' }, after: null, cleaned: true })
})

test.each([
  ['no fence lets every order through', null, 3, false],
  ['INV-11 an older order is fenced', 7, 6, true],
  ['INV-11 the same order again is fenced', 7, 7, true],
  ['a newer order passes', 7, 8, false],
])('%s', (_, fence, index, refused) => {
  expect(fenced(fence, index)).toBe(refused)
})
