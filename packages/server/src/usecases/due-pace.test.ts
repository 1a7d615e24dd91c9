import { expect, test } from 'vitest'
import { createDuePace } from './due-pace.ts'

/** How many at once after runs of that many milliseconds for each piece. */
function after(...millisEach: readonly number[]): number {
  const pace = createDuePace()
  for (const each of millisEach) pace.took(pace.most(), each * pace.most())
  return pace.most()
}

const often = (each: number) => Array.from({ length: 20 }, () => each)

test('L-01 what is entered at once takes a moment, on a slow machine too', () => {
  expect(after(...often(0))).toBe(64)
  expect(after(...often(0.25))).toBe(64)
  expect(after(...often(1))).toBeLessThanOrEqual(21)
  expect(after(...often(1))).toBeGreaterThanOrEqual(19)
  expect(after(...often(50))).toBeLessThanOrEqual(17)
})

test('one slow moment halves it at most, and it grows again', () => {
  expect(after(100)).toBe(40)
  expect(after(100, ...often(0.1))).toBeGreaterThanOrEqual(63)
})

test('where nothing was due nothing is learned', () => {
  const pace = createDuePace()
  pace.took(0, 10_000)
  expect(pace.most()).toBe(64)
})
