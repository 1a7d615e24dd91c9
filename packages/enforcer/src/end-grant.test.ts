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

test('a name that a grantee chose stays on its own line and crowds out no other', () => {
  const text = diffText([
    { what: 'role_added', object: 'x\nnothing else changed' },
    { what: 'role_added', object: 'y'.repeat(10_000) },
    { what: 'role_added', object: 'backdoor' },
  ])
  expect(text.split('\n')).toEqual([
    'role_added x\\nnothing else changed',
    `role_added ${'y'.repeat(200)}…`,
    'role_added backdoor',
  ])
})

test('INV-25 EN-14 of a hundred thousand objects a grantee left, only those told are looked at', () => {
  let looked = 0
  const left = functions(100_000).map(({ what, object }) => ({
    what,
    get object() {
      looked += 1
      return object
    },
  }))
  const text = diffText(left)
  const told = text.split('\n').length - 1
  expect(looked).toBe(told + 1)
  expect(Buffer.byteLength(text)).toBeLessThan(8192)
  expect(text).toContain(`and ${100_000 - told} more`)
})
