import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64, base64url, hex } from './base64.ts'

const codecs = [
  ['base64', base64, 'base64'],
  ['base64url', base64url, 'base64url'],
  ['hex', hex, 'hex'],
] as const

describe('a codec', () => {
  test.each(codecs)(
    '%s spells every byte string in one way, as Node does',
    (_, codec, name) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
          const text = codec.encode(bytes)
          expect(text).toBe(Buffer.from(bytes).toString(name))
          expect(codec.decode(text)).toEqual(bytes)
        }),
      )
    },
  )

  test.each(codecs)('%s reads nothing that it would write differently', (_, codec) => {
    const digits = fc.constantFrom(...'AaZz09+/-_= \n')
    fc.assert(
      fc.property(fc.string({ unit: digits, maxLength: 9 }), (text) => {
        const bytes = codec.decode(text)
        if (bytes !== null) expect(codec.encode(bytes)).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['bits after the last byte', base64, 'QUJ='],
    ['missing padding', base64, 'QQ'],
    ['padding where none belongs', base64url, 'QQ=='],
    ['the other alphabet', base64, '_-8='],
    ['a line break', base64, 'QUJD\n'],
    ['a lone digit', base64url, 'QUJDR'],
    ['text beyond ASCII', base64url, 'QUJ\u0143'],
    ['upper-case hex', hex, 'AB'],
    ['half a byte', hex, 'abc'],
  ])('refuses %s', (_, codec, text) => {
    expect(codec.decode(text)).toBeNull()
  })
})
