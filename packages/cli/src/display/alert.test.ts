import { expect, test } from 'vitest'
import { alertRows, estateAlertRows } from './alert.ts'

const route = (name: string, deliveredAt: number | null, gone = false) => ({
  ...{ route: name, deliveredAt, attempts: 3, gone },
})
const notice = (urgency: string, ...routes: ReturnType<typeof route>[]) => ({
  kind: 'solo_activated',
  deliveredAt: routes.some(({ deliveredAt, gone }) => deliveredAt === null && !gone)
    ? null
    : 7,
  payload: { urgency },
  routes,
})
const nowhere = { ...notice('page'), deliveredAt: null }

test('AC-04 X-05 a page that went by no route says so, and names the routes', () => {
  const unheard = notice('page', route('pager', null), route('file', null))
  expect(alertRows({ notices: [unheard, nowhere] })).toEqual([
    ['ALERT PENDING', '2 pages reached nobody yet'],
    ['ALERT PENDING', 'pager: 1 page not taken yet'],
    ['ALERT PENDING', 'file: 1 page not taken yet'],
  ])
})

test('X-05 a page that one route took is pending on the other alone', () => {
  const half = notice('page', route('pager', null), route('file', 7))
  expect(alertRows({ notices: [half, half] })).toEqual([
    ['ALERT PENDING', 'pager: 2 pages not taken yet'],
  ])
})

test.each([
  ['that every route took', notice('page', route('pager', 7), route('file', 8))],
  ['whose dead route is gone', notice('page', route('old', null, true), route('file', 8))],
  ['that can wait', notice('tell', route('pager', null))],
])('a notice %s says nothing', (_, one) => {
  expect(alertRows({ notices: [one] })).toEqual([])
})

test('the estate says which routes are behind, and when there is but one', () => {
  const kind = { kind: 'webhook', takes: 'all' } as const
  const routes = [
    { route: 'pager', ...kind, waiting: 9, pages: 2 },
    { route: 'chat', ...kind, waiting: 9, pages: 0 },
  ]
  expect(estateAlertRows({ routes, singleRoute: false })).toEqual([
    ['ALERT PENDING', 'pager: 2 pages not taken yet'],
  ])
  expect(estateAlertRows({ routes: [], singleRoute: true })).toMatchObject([
    ['ALERTS', expect.any(String)],
  ])
})
