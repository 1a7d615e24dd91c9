import type { Instant, Terms } from '@halligan/core'
import { describe, expect, it } from 'vitest'
import type { Evidence } from './evidence.ts'
import { nodeCrypto as crypto } from './node.ts'
import { after, genesis, nextRoster, tellStory } from './testing.ts'
import {
  bend,
  type Change,
  codesOf,
  good,
  issuer,
  judge,
  log,
  other,
  roster2,
  stepsOf,
} from './testing-judge.ts'
import { verifyGrant } from './verify-grant.ts'

describe('a grant whose evidence is whole', () => {
  it('is proven, with everything that an enforcer needs to open it', () => {
    const verdict = judge(good)
    expect(verdict.failures).toEqual([])
    expect(verdict.notJudged).toEqual([])
    expect(verdict.proven).toMatchObject({
      order: good.order,
      orderIndex: good.orderIndex,
      decision: good.decision,
      checkpoint: { size: good.log.size },
    })
  })

  it('leaves guard, time and local state to the enforcer when none is there', () => {
    const verdict = verifyGrant(crypto, good.evidence, good.trust, null, null)
    expect(verdict).toMatchObject({ ok: true, notJudged: [8, 9, 10] })
  })

  it('may follow later rosters, signed by the trustees before', () => {
    const next = nextRoster(good.rosters, genesis, {})
    expect(
      stepsOf(good, { evidence: { rosters: [...good.rosters, next.envelope] } }),
    ).toEqual([])
  })
})

describe('verifyGrant', () => {
  it('TM-08 opens until the last millisecond before a limit', () => {
    const last = (after(32) + 1) as Instant
    const story = tellStory({
      order: (was) => ({ ...was, applyBefore: last, notAfter: last }),
    })
    expect(stepsOf(story, { situation: { roundTripMillis: 0 } })).toEqual([])
    const agreed = { situation: { wallNow: after(62), roundTripMillis: 5000 } }
    expect(stepsOf(good, agreed)).toEqual([])
  })

  it('reports every failure, not only the first', () => {
    const change: Change = {
      trust: { rosterDigest: other },
      guard: { routes: {} },
      situation: { localState: 'absent', roundTripMillis: 6000 },
    }
    expect(stepsOf(tellStory({ approvers: ['bob'] }), change)).toEqual([1, 7, 8, 9, 10])
  })

  it('INV-5 lets no approval count after any change of the terms', () => {
    const changes: readonly Partial<Terms>[] = [
      { lifeSeconds: 601 },
      { incident: 'inc-2' },
      { revision: 2 },
      { entitlement: 'payments-db-admin' },
    ]
    for (const change of changes) {
      const approved = good.evidence.approvals
      const swapped = tellStory(bend(change))
      expect(codesOf(swapped, { evidence: { approvals: approved } })).toContain(
        'other_terms',
      )
    }
  })

  it('AU-20 honours what a retired issuer signed before its retirement, and nothing after', () => {
    const { origin } = log()
    const retired = (size: number) =>
      roster2({ issuers: [{ ...issuer(), retiredAt: { origin, size } }] })
    const judged = (size: number) =>
      verifyGrant(crypto, { ...good.evidence, ...retired(size) }, good.trust, null, null)
    expect(judged(good.orderIndex + 1).failures).toEqual([])
    expect(judged(good.orderIndex).failures).toMatchObject([
      { step: 3, code: 'bad_signature' },
    ])
  })

  it('AU-16 refuses anything unreadable without throwing, and opens nothing', () => {
    const unreadable = [null, 7, 'text', [], {}, { kind: 'ordered', order: null }, deep()]
    for (const entry of unreadable)
      for (const member of ['order', 'decision', 'request'] as const) {
        const bent = { [member]: { entry, proof: 'not a proof' } }
        expect(judge(good, { evidence: bent as Partial<Evidence> }).ok).toBe(false)
      }
    const empty = { rosters: [], checkpoint: '', approvals: [] }
    expect(stepsOf(good, { evidence: empty })).toEqual([1, 2, 5])
  })
})

function deep() {
  let value: unknown = 1
  for (let i = 0; i < 50_000; i++) value = [value]
  return { kind: 'ordered', order: value }
}
