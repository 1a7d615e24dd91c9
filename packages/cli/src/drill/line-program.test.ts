import { afterEach, expect, test } from 'vitest'
import { LineProgram } from './line-program.ts'

let program: LineProgram
afterEach(() => program.end())

/** Answers by the line itself, and goes on. */
const echo = () => {
  program = new LineProgram('cat', [])
  return program
}

test('a line that is answered as expected holds', async () => {
  expect(await echo().answers('still 42', /still 42/)).toBe(true)
})

test('one that is refused does not, at once and not after all patience', async () => {
  const began = performance.now()
  expect(
    await echo().answers('NOAUTH Authentication required.', /^OK$/m, /^[A-Z]{3,} /m),
  ).toBe(false)
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a program that has ended answers nothing', async () => {
  program = new LineProgram('true', [])
  expect(await program.answers('still 42', /still 42/)).toBe(false)
})
