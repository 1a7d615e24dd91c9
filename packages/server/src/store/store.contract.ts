import { type Instant, ok, type PrincipalId, refuse } from '@halligan/core'
import {
  base64,
  canonicalBytes,
  consistencyProof,
  type EntryDraft,
  inclusionProof,
  leafHash,
  payloadTypes,
  sealEnvelope,
  verifyConsistency,
  verifyInclusion,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyOf, logSigner } from '../../test/log-kit.ts'
import {
  absent,
  activated,
  ada,
  applied,
  approved,
  asked,
  digestOfAct,
  draftOf,
  grantId,
  reported,
  wholeStory,
} from '../../test/story.ts'
import { describeOutbox } from './outbox.contract.ts'
import type { Store, Tx } from './port.ts'

const start = 1_760_000_000_000 as Instant
const later = (seconds: number) => (start + seconds * 1000) as Instant

/** What any store must do, whatever it is made of. `make` gives an empty one and a way to be rid of it. */
export function storeContract(
  name: string,
  make: () => Readonly<{ store: Store; compare(): unknown; remove(): void }>,
): void {
  describe(`${name}, as a store`, () => {
    let made: ReturnType<typeof make>
    let store: Store
    beforeEach(() => {
      made = make()
      store = made.store
    })
    afterEach(() => made.remove())

    /** One transaction of one command. */
    const commit = (at: Instant, work: (tx: Tx) => void) =>
      store.transact(at, (batch) =>
        batch.attempt((tx) => {
          work(tx)
          return ok(null)
        }),
      )
    const note = (
      subject: string,
      at: Instant,
      more: Record<string, string> = {},
    ): EntryDraft => ({
      at,
      kind: 'noted',
      subject,
      actor: 'system',
      ...more,
    })
    const g = grantId(0)
    const tell = (at: Instant, events: ReturnType<typeof asked>) =>
      commit(at, (tx) => {
        for (const event of events) tx.append(draftOf(g, event))
      })

    test('entries of one subject are chained by id, across others', () => {
      commit(start, (tx) => {
        for (const subject of ['log', 'policy', 'log', 'log'])
          tx.append(note(subject, start))
      })
      const [first, second, third] = store.view().entriesOf('log')
      expect([first, second, third].map((placed) => placed?.index)).toEqual([0, 2, 3])
      expect(first?.entry.prev).toBeNull()
      expect(second?.entry.prev).toBe(first?.entry.id)
      expect(third?.entry.prev).toBe(second?.entry.id)
    })

    test('what a command did is taken back when it refuses or throws, and only that', () => {
      store.transact(start, (batch) => {
        batch.attempt((tx) => ok(tx.append(note('log', start, { n: 'one' }))))
        batch.attempt((tx) => {
          tx.append(note('log', start, { n: 'refused' }))
          tx.putBlob({ commitment: keyOf('b'), salt: 's', text: 't' })
          return refuse({ code: 'no' })
        })
        expect(() =>
          batch.attempt((tx) => {
            tx.append(note('policy', start))
            throw new Error('a poisoned command')
          }),
        ).toThrow('a poisoned command')
        batch.attempt((tx) => ok(tx.append(note('log', start, { n: 'two' }))))
      })
      expect(
        store
          .view()
          .entries(-1, 10)
          .map(({ entry }) => entry.n),
      ).toEqual(['one', 'two'])
      expect(store.view().blob(keyOf('b'))).toBeNull()
      expect(store.view().head().size).toBe(2)
      expect(made.compare()).toBeNull()
    })

    test('INV-22 a kept result is found again, and one of a refused command is not kept', () => {
      store.transact(start, (batch) => {
        batch.attempt(() => {
          batch.keepResult(keyOf('a'), '{"ok":true}')
          return ok(null)
        })
        expect(batch.resultOf(keyOf('a'))?.result).toBe('{"ok":true}')
        batch.attempt(() => {
          batch.keepResult(keyOf('b'), '{}')
          return refuse(null)
        })
      })
      expect(store.resultOf(keyOf('a'))?.result).toBe('{"ok":true}')
      expect(store.resultOf(keyOf('b'))).toBeNull()
      store.reopen()
      expect(store.resultOf(keyOf('a'))?.result).toBe('{"ok":true}')
    })

    test('TM-07 the time of the log never runs backwards, and never ahead', () => {
      commit(later(10), (tx) => tx.append(note('log', later(10))))
      commit(later(20), (tx) => tx.append(note('log', later(5))))
      const times = store
        .view()
        .entries(-1, 9)
        .map(({ entry }) => entry.at)
      expect(times).toEqual([later(10), later(10)])
      expect(() => commit(start, (tx) => tx.append(note('log', later(99))))).toThrow(
        'future',
      )
    })

    test('AU-17 INV-14 the tables are what the entries make of them, at every step of a story', () => {
      for (const event of wholeStory(g, start)) {
        commit(start, (tx) => tx.append(draftOf(g, event)))
        expect(made.compare()).toBeNull()
      }
      expect(store.view().grant(g)).toMatchObject({ phase: 'closed', finding: 'justified' })
    })

    test('due work follows the grant: lapse, end, overdue, review', () => {
      const due = () =>
        store
          .view()
          .due(later(99_999_999), 9)
          .map(({ kind, at }) => [kind, at])
      tell(start, asked(g, start))
      expect(due()).toEqual([['time_out', later(900)]])
      tell(start, approved(g, start))
      expect(due()).toEqual([['time_out', later(600)]])
      tell(start, activated(g, start))
      expect(due()).toEqual([
        ['time_out', later(60)],
        ['review_overdue', later(86_400)],
      ])
      expect(store.view().unsettledAt('enf-payments')).toMatchObject([{ id: g }])
      const standing = (at: Instant) => store.view().standingAt('enf-payments', at).length
      const ended = () => store.view().endedAt('enf-payments').length
      expect([standing(later(59)), standing(later(60)), ended()]).toEqual([1, 0, 0])
      tell(later(60), [
        reported(g, later(60), 0, applied),
        { kind: 'expired', at: later(60) },
      ])
      expect([standing(later(59)), ended()]).toEqual([0, 1])
      expect(due()).toEqual([
        ['overdue', later(65)],
        ['review_overdue', later(86_400)],
      ])
      tell(later(61), [reported(g, later(61), 1, absent)])
      expect(due()).toEqual([['review_overdue', later(86_400)]])
      expect(store.view().unsettledAt('enf-payments')).toEqual([])
      expect(ended()).toBe(0)
      expect(store.view().nextDue()).toBe(later(86_400))
    })

    test('the act that was accepted is found by its digest', () => {
      const [first] = asked(g, start)
      if (first?.kind !== 'requested') throw new Error('the story begins otherwise')
      expect(store.view().entryOfAct(digestOfAct(first.act))).toBeNull()
      tell(start, asked(g, start))
      expect(store.view().entryOfAct(digestOfAct(first.act))?.index).toBe(0)
    })

    test('uses count activations, drills aside', () => {
      const tellOf = (n: number, incident: string) =>
        commit(later(n), (tx) => {
          const id = grantId(n)
          const events = [
            ...asked(id, later(n), incident),
            ...approved(id, later(n)),
            ...activated(id, later(n)),
          ]
          for (const event of events) tx.append(draftOf(id, event))
        })
      tellOf(1, 'inc-1')
      tellOf(2, 'drill-1')
      tellOf(3, 'inc-1')
      const uses = (since: number, person = ada) =>
        store.view().uses({ person }, later(since))
      expect([uses(0), uses(2), uses(9), uses(0, 'bob' as PrincipalId)]).toEqual([
        2, 1, 0, 0,
      ])
      expect(store.view().uses({ entitlement: 'payments-db-repair' }, start)).toBe(2)
      expect(store.view().reviewsOf(ada)).toEqual({ open: 3, overdue: 0 })
    })

    test('pages of grants are newest first, and the cursor leaves none out', () => {
      for (let n = 0; n < 5; n++)
        commit(start, (tx) => {
          for (const event of asked(grantId(n), start))
            tx.append(draftOf(grantId(n), event))
        })
      const seen: string[] = []
      let after: string | null = null
      do {
        const page = store
          .view()
          .grants({ requester: ada, system: 'payments-db' }, after, 2)
        seen.push(...page.items.map(({ id }) => id))
        after = page.next
      } while (after !== null)
      expect(seen).toEqual([4, 3, 2, 1, 0].map(grantId))
    })

    test('grants of several phases are one list, each of them once', () => {
      for (let n = 0; n < 6; n++)
        commit(start, (tx) => {
          const events = [...asked(grantId(n), start), ...approved(grantId(n), start)]
          for (const event of n % 2 === 0 ? events : events.slice(0, 2))
            tx.append(draftOf(grantId(n), event))
        })
      const idsOf = (after: string | null, ...phases: ('pending' | 'approved')[]) => {
        const { items, next } = store.view().grants({ phases }, after, 4)
        return [items.map(({ id }) => id), next] as const
      }
      const [first, next] = idsOf(null, 'approved', 'pending', 'approved')
      expect(first).toEqual([5, 4, 3, 2].map(grantId))
      expect(idsOf(next, 'pending', 'approved')).toEqual([[1, 0].map(grantId), null])
      expect(idsOf(null, 'pending')[0]).toEqual([5, 3, 1].map(grantId))
    })

    test('INV-7 a nonce is used once', () => {
      commit(start, (tx) => expect(tx.useNonce('n', later(300))).toBe(true))
      commit(later(999), (tx) => expect(tx.useNonce('n', later(1300))).toBe(false))
    })

    test('erasing a blob removes its bytes and leaves that it was erased', () => {
      const commitment = keyOf('reason')
      commit(start, (tx) => tx.putBlob({ commitment, salt: 's', text: 'why' }))
      expect(store.view().blob(commitment)).toEqual({ commitment, salt: 's', text: 'why' })
      commit(start, (tx) =>
        tx.append({ ...note('log', start), kind: 'erased', commitment, basis: 'request' }),
      )
      expect(store.view().blob(commitment)).toBe('erased')
      expect(made.compare()).toBeNull()
    })

    test('policy: proposed, approved, applied', () => {
      const bundleDigest = keyOf('bundle')
      const by = { at: start, subject: 'policy', bundleDigest }
      commit(start, (tx) => {
        tx.putBundle(bundleDigest, { 'estate.yaml': 'estate: example' })
        tx.append({ ...by, kind: 'policy_proposed', actor: 'cy' })
        tx.append({ ...by, kind: 'policy_approval_given', actor: 'dee', by: 'dee' })
      })
      expect(store.view().bundleInForce()).toBeNull()
      commit(start, (tx) =>
        tx.append({ ...by, kind: 'policy_applied', actor: 'system', cause: 'quorum' }),
      )
      expect(store.view().bundleInForce()).toBe(bundleDigest)
      expect(store.view().bundleFiles(bundleDigest)).toEqual({
        'estate.yaml': 'estate: example',
      })
      const change = { proposedBy: 'cy', approvers: ['dee'], appliedAt: start }
      expect(store.view().policyChange(bundleDigest)).toMatchObject(change)
      expect(store.view().policyChanges(later(1))).toEqual([])
    })

    test('rosters come first version first; an incident opens and closes', () => {
      const rosters = [1, 2].map((version) =>
        sealEnvelope(payloadTypes.roster, { version }, logSigner),
      )
      commit(start, (tx) => {
        for (const [i, roster] of rosters.entries()) {
          tx.putRoster(roster)
          const rosterDigest = digestOfAct(roster)
          const accepted = { version: i + 1, rosterDigest }
          tx.append({ ...note('roster', start), kind: 'roster_accepted', ...accepted })
        }
        const incident = { incident: 'inc-1', source: 'pager', severity: 1, systems: [] }
        const opened = { ...incident, titleCommitment: keyOf('title'), act: null }
        tx.append({ ...note('incident/inc-1', start), kind: 'incident_opened', ...opened })
      })
      expect(store.view().rosters()).toEqual(rosters)
      const digests = rosters.map(digestOfAct)
      expect(store.view().rosterInForce()).toBe(digests.at(-1))
      expect(store.view().openIncidents()).toMatchObject([{ incident: 'inc-1' }])
      const closed = { kind: 'incident_closed', incident: 'inc-1', act: null }
      commit(later(5), (tx) =>
        tx.append({ ...note('incident/inc-1', later(5)), ...closed }),
      )
      expect(store.view().openIncidents()).toEqual([])
      expect(store.view().incident('inc-1')).toMatchObject({ closedAt: later(5) })
      expect(made.compare()).toBeNull()
    })

    describeOutbox(() => ({ view: () => store.view(), commit }))

    test('refusal entries have a quota each minute, and the rest are counted', () => {
      const take = (at: Instant) => {
        let got = false
        commit(at, (tx) => {
          got = tx.takeRefusalEntry('principal/mallory', at, 2)
        })
        return got
      }
      expect([take(start), take(start), take(start), take(later(60))]).toEqual([
        true,
        true,
        false,
        true,
      ])
      commit(start, (tx) => {
        tx.countRefusal('own_request', start)
        tx.countRefusal('own_request', later(1))
      })
      expect(store.view().nextDue()).toBe(later(60))
      commit(later(60), (tx) => {
        expect(tx.takeRefusalCounts()).toEqual({ from: start, counts: { own_request: 2 } })
        expect(tx.takeRefusalCounts()).toBeNull()
      })
    })

    test('the last receipt of an enforcer, and the newest sealed credential', () => {
      tell(start, [...asked(g, start), ...approved(g, start), ...activated(g, start)])
      const told = reported(g, start, 0, applied)
      if (told.kind !== 'reported') throw new Error('the story goes otherwise')
      tell(start, [told])
      const digest = told.receiptDigest
      expect(store.view().lastReceipt('enf-payments')).toEqual({ seq: 0, digest })
      commit(start, (tx) => tx.putSealed(g, 'payments-pg', 'r1', 'jwe-1', told.receipt))
      commit(start, (tx) => tx.putSealed(g, 'payments-pg', 'r2', 'jwe-2', told.receipt))
      const newest = { revealId: 'r2', jwe: 'jwe-2', receipt: told.receipt }
      expect(store.view().sealed(g, 'payments-pg')).toEqual(newest)
    })

    test('every entry and every size is proven by the stored tree, past the width of a tile', () => {
      const roots: string[] = [store.view().head().root]
      for (let n = 0; n < 600; n++) {
        commit(start, (tx) => tx.append(note(`target/t${n % 7}`, start, { n: String(n) })))
        roots.push(store.view().head().root)
      }
      store.reopen()
      const raw = (root: string | undefined) =>
        base64.decode(root ?? '') ?? new Uint8Array()
      const size = fc.integer({ min: 1, max: 600 })
      fc.assert(
        fc.property(size, size, fc.nat(599), (a, b, i) => {
          const [from, to] = [Math.min(a, b), Math.max(a, b)]
          const consistency = consistencyProof(nodeCrypto, store.node, from, to)
          const [old, now] = [raw(roots[from]), raw(roots[to])]
          expect(verifyConsistency(nodeCrypto, consistency, from, to, old, now)).toBe(true)
          const index = i % to
          const placed = store.view().entries(index - 1, 1)[0]
          if (placed === undefined) throw new Error(`no entry ${index}`)
          const leaf = leafHash(nodeCrypto, canonicalBytes(placed.entry))
          const path = inclusionProof(nodeCrypto, store.node, index, to)
          expect(verifyInclusion(nodeCrypto, path, index, to, leaf, now)).toBe(true)
        }),
        { numRuns: 60 },
      )
      expect(made.compare()).toBeNull()
    })

    test('after a reopen everything is as it was', () => {
      tell(start, asked(g, start))
      const before = store.view().head()
      store.reopen()
      expect(store.view().head()).toEqual(before)
      tell(start, approved(g, start))
      expect(store.view().head().size).toBe(before.size + 2)
      expect(made.compare()).toBeNull()
    })
  })
}
