import { parseGrantId } from '@halligan/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newGrantId } from './grant-id.ts'

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 })

test('every grant id is one that core accepts, and no two bytes share one', () => {
  fc.assert(
    fc.property(bytes16, bytes16, (one, other) => {
      expect(parseGrantId(newGrantId(one)).ok).toBe(true)
      expect(newGrantId(one) === newGrantId(other)).toBe(String(one) === String(other))
    }),
  )
})

test('as RFC 4648 spells it', () => {
  expect(newGrantId(new Uint8Array(16))).toBe(`g-${'a'.repeat(26)}`)
  expect(newGrantId(new Uint8Array(16).fill(255))).toBe(`g-${'7'.repeat(25)}4`)
})
