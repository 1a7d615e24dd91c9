import { expect, test } from 'vitest'
import { duration, fromNow } from './display/duration.ts'
import { grantLife, parseLife } from './life.ts'

test.each<[string, number | null]>([
  ['90', 90],
  ['8s', 8],
  ['15m', 900],
  ['4h', 14_400],
  ['0', null],
  ['-5m', null],
  ['1.5h', null],
  ['1e3', null],
  ['15 m', null],
  ['', null],
  ['9999999', null],
])('a life of %j', (text, seconds) => {
  expect(parseLife(text)).toBe(seconds)
})

test('a life over what any grant lasts says the limit, and what to type', () => {
  expect(grantLife('4h')).toEqual({ ok: true, value: 14_400 })
  expect(grantLife('9h')).toMatchObject({
    error: {
      kind: 'usage',
      code: 'life_out_of_range',
      detail: '9h is longer than any grant lasts: at most 4h',
      next: expect.stringContaining('--life 4h'),
    },
  })
  expect(grantLife('long')).toMatchObject({ error: { code: 'malformed_life' } })
})

test.each<[number, string]>([
  [0, '0s'],
  [-1, '0s'],
  [1, '1s'],
  [59_000, '59s'],
  [65_000, '1m 05s'],
  [3_720_000, '1h 02m'],
  [273_600_000, '3d 4h'],
])('%d ms is %s', (millis, text) => {
  expect(duration(millis)).toBe(text)
})

test('a countdown says on which side of now it is', () => {
  expect(fromNow(65_000, 0)).toBe('in 1m 05s')
  expect(fromNow(0, 12_000)).toBe('12s ago')
})
