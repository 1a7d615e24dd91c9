import { expect, test } from 'vitest'
import { endsRows, overdueRows } from './ends.ts'

test('L-01 what is ending says how much is left, how fast it goes and how long it takes', () => {
  expect(endsRows({ endsOpen: 4000, provenPerMinute: 600, etaSeconds: 400 })).toEqual([
    ['ENDING', '4000 not proven absent, 600 a minute, done in about 6m 40s'],
  ])
})

test('an ending that stands still promises no time', () => {
  expect(endsRows({ endsOpen: 1, provenPerMinute: 0, etaSeconds: null })).toEqual([
    ['ENDING', '1 not proven absent, 0 a minute, none proven lately'],
  ])
})

test('INV-9 what is overdue says whether access or a secret is', () => {
  expect(overdueRows({ overdue: 1, rotationsOverdue: 2 })).toEqual([
    ['OVERDUE', '1 grant not proven absent in time'],
    ['OVERDUE', '2 grants with a shared secret not rotated'],
  ])
})

test('nothing to end and nothing overdue is not said', () => {
  expect(endsRows({ endsOpen: 0, provenPerMinute: 60, etaSeconds: 0 })).toEqual([])
  expect(overdueRows({ overdue: 0, rotationsOverdue: 0 })).toEqual([])
})
