import { expect, test } from 'vitest'
import { diffText } from './end-grant.ts'

const functions = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    what: 'function_added',
    object: `payments: payments.f${i}() (owner=payments_admin language=sql)`,
  }))

test('what a grant left behind is told line by line, and nothing is said to be nothing', () => {
  expect(diffText([])).toBe('nothing else changed')
  expect(diffText(functions(2))).toBe(
    'function_added payments: payments.f0() (owner=payments_admin language=sql)\n' +
      'function_added payments: payments.f1() (owner=payments_admin language=sql)',
  )
})

test('INV-25 EN-14 a grantee who leaves a hundred thousand objects delays no other ending', () => {
  const left = functions(100_000)
  const begun = performance.now()
  const text = diffText(left)
  expect(performance.now() - begun).toBeLessThan(1000)
  expect(Buffer.byteLength(text)).toBeLessThan(8192)
  expect(text).toContain(`and ${100_000 - text.split('\n').length + 1} more`)
})
