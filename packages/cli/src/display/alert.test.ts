import type { Grant } from '@halligan/core'
import { expect, test } from 'vitest'
import { alertRows } from './alert.ts'

const grantBy = (approvals: number) =>
  ({ terms: { route: { name: 'any', approvals, groups: [] } } }) as unknown as Grant
const notice = (urgency: string, deliveredAt: number | null) => ({
  kind: 'solo_activated',
  deliveredAt,
  payload: { urgency },
})
const unheard = [notice('page', null), notice('page', null), notice('tell', null)]

test('AC-04 access taken alone says that its alert reached nobody yet', () => {
  expect(alertRows({ grant: grantBy(0), notices: unheard })).toEqual([
    ['ALERT PENDING', '2 pages reached nobody yet'],
  ])
})

test.each([
  ['that others approved', grantBy(1), unheard],
  ['of which somebody heard', grantBy(0), [notice('page', 7), notice('tell', null)]],
])('access %s says nothing', (_, grant, notices) => {
  expect(alertRows({ grant, notices })).toEqual([])
})
