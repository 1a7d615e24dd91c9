import type { Instant } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { grantId } from '../../test/story.ts'
import type { Tx, View } from './port.ts'

const start = 1_760_000_000_000 as Instant
const later = (seconds: number) => (start + seconds * 1000) as Instant
const g = grantId(0)

type Given = Readonly<{
  view(): View
  commit(now: Instant, work: (tx: Tx) => unknown): void
}>

/** What a store promises of the notices in it. */
export function describeOutbox(given: () => Given): void {
  describe('a notice', () => {
    const put = (id: string, urgency: 'page' | 'tell', routes: readonly string[]) =>
      given().commit(start, (tx) => {
        const payload = { urgency }
        tx.putNotice({ id, at: start, kind: 'requested', grant: g, payload }, routes)
      })
    const dueOn = (route: string, now = start) =>
      given()
        .view()
        .dueNotices(route, now, 9)
        .map(({ id }) => id)
    const undelivered = () =>
      given()
        .view()
        .notices({ undelivered: true }, 9)
        .map(({ id }) => id)
    /** The number of calls that it takes. */
    const adopt = (...routes: Parameters<Tx['adoptRoutes']>[0]) => {
      let next: string | null = null
      let calls = 0
      do {
        const after: string | null = next
        given().commit(later(60), (tx) => {
          next = tx.adoptRoutes(routes, later(60), after)
        })
        calls++
      } while (next !== null)
      return calls
    }

    test('is due on each route until that route took it', () => {
      put('n1', 'page', ['a', 'b'])
      expect([dueOn('a'), dueOn('b')]).toEqual([['n1'], ['n1']])
      given().commit(start, (tx) => tx.noticeTried('n1', 'a', later(30)))
      expect([dueOn('a', later(29)), dueOn('b')]).toEqual([[], ['n1']])
      given().commit(start, (tx) => tx.noticeDelivered('n1', 'b', later(5)))
      expect(given().view().nextDue()).toBe(later(30))
      expect(undelivered()).toEqual(['n1'])
      given().commit(later(30), (tx) => tx.noticeDelivered('n1', 'a', later(30)))
      expect(given().view().nextDue()).toBeNull()
      expect(undelivered()).toEqual([])
      expect(given().view().notices({ grant: g }, 9)).toMatchObject([
        {
          id: 'n1',
          deliveredAt: later(30),
          routes: [
            { route: 'a', attempts: 1, deliveredAt: later(30) },
            { route: 'b', attempts: 0, deliveredAt: later(5) },
          ],
        },
      ])
    })

    test('is found by the entry that it was made for', () => {
      for (const id of [
        '1.requested.ada',
        '1.requested.bob',
        '12.requested.ada',
        '2.x.ada',
      ])
        put(id, 'tell', ['a'])
      const made = (index: number) =>
        given()
          .view()
          .noticesOfEntry(index)
          .map(({ id }) => id)
      expect(made(1)).toEqual(['1.requested.ada', '1.requested.bob'])
      expect(made(12)).toEqual(['12.requested.ada'])
      expect(made(3)).toEqual([])
    })

    test('that counts waits for its time, and says how often it was put', () => {
      const count = (at: Instant) =>
        given().commit(at, (tx) =>
          tx.countInNotice(
            {
              id: 'n1',
              at,
              kind: 'many',
              grant: null,
              payload: { urgency: 'page', count: 0 },
            },
            ['a'],
            later(60),
          ),
        )
      for (const seconds of [0, 1, 59]) count(later(seconds))
      // A route that comes meanwhile waits as well, or it would hear of no more than was counted by then.
      const routes = ['a', 'b'].map((name) => ({ name, takes: 'all' }) as const)
      given().commit(later(59), (tx) => tx.adoptRoutes(routes, later(59), null))
      for (const route of ['a', 'b']) {
        expect(dueOn(route, later(59))).toEqual([])
        expect(dueOn(route, later(60))).toEqual(['n1'])
      }
      const [notice] = given().view().notices({ undelivered: true }, 9)
      expect(notice).toMatchObject({ at: start, payload: { urgency: 'page', count: 3 } })
    })

    test('that wakes somebody goes before one that can wait', () => {
      put('n1', 'tell', ['a'])
      put('n2', 'page', ['a'])
      expect(dueOn('a')).toEqual(['n2', 'n1'])
      expect(given().view().waitingOn('a', 9)).toEqual({ waiting: 2, pages: 1 })
      expect(given().view().waitingOn('a', 1)).toEqual({ waiting: 1, pages: 1 })
    })

    test('Q-05 of a route that is renamed or taken away waits on those that are there', () => {
      put('n1', 'page', ['old'])
      put('n2', 'tell', ['old'])
      adopt({ name: 'new', takes: 'all' }, { name: 'pager', takes: 'pages' })
      expect([dueOn('old', later(60)), dueOn('new', later(60))]).toEqual([[], ['n1', 'n2']])
      expect(dueOn('pager', later(60))).toEqual(['n1'])
      given().commit(later(61), (tx) => tx.noticeDelivered('n2', 'new', later(61)))
      expect(undelivered()).toEqual(['n1'])
      adopt({ name: 'old', takes: 'all' })
      expect(dueOn('old', later(60))).toEqual(['n1'])
    })

    test('L-02 of very many that change their route is handed over in pages, and anew when that was broken off', () => {
      const ids = Array.from({ length: 450 }, (_, n) => `n${String(n).padStart(3, '0')}`)
      given().commit(start, (tx) => {
        for (const id of ids)
          tx.putNotice(
            { id, at: start, kind: 'told', grant: g, payload: { urgency: 'tell' } },
            ['old'],
          )
      })
      const [old, fresh] = [
        { name: 'old', takes: 'all' },
        { name: 'new', takes: 'all' },
      ] as const
      adopt(old)
      given().commit(later(60), (tx) => tx.adoptRoutes([fresh], later(60), null))
      expect(given().view().waitingOn('new', 999).waiting).toBe(200)
      expect(adopt(old)).toBe(3)
      expect(given().view().waitingOn('old', 999).waiting).toBe(450)
      expect(adopt(fresh)).toBe(3)
      expect(given().view().waitingOn('new', 999).waiting).toBe(450)
      expect(given().view().waitingOn('old', 999).waiting).toBe(0)
      expect(adopt(fresh)).toBe(1)
    })

    test('that nothing was configured for waits for the first route', () => {
      put('n1', 'page', [])
      expect(undelivered()).toEqual(['n1'])
      expect(given().view().nextDue()).toBeNull()
      adopt({ name: 'a', takes: 'all' })
      expect(dueOn('a', later(60))).toEqual(['n1'])
    })

    test('that was delivered is told to no route that comes later', () => {
      put('n1', 'page', ['a'])
      given().commit(start, (tx) => tx.noticeDelivered('n1', 'a', start))
      adopt({ name: 'a', takes: 'all' }, { name: 'b', takes: 'all' })
      expect(dueOn('b', later(60))).toEqual([])
    })
  })
}
