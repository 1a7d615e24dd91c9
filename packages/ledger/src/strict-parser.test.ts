import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { canonicalText } from './canonical.ts'
import { parseStrict } from './strict-parser.ts'

describe('the strict parser', () => {
  it('reads all JSON that has one meaning, as the native parser does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (source) => {
        const read = parseStrict(source)
        if (read.ok)
          expect(canonicalText(read.value)).toBe(canonicalText(JSON.parse(source)))
        else
          expect(['unsafe_number', 'forbidden_key', 'lone_surrogate']).toContain(
            read.error.code,
          )
      }),
    )
  })

  it('reads no text that the native parser refuses', () => {
    const signs = fc.constantFrom(...'{}[]",:\\u0019eE+-. \ntruefalsn'.split(''))
    fc.assert(
      fc.property(fc.string({ unit: signs, maxLength: 12 }), (source) => {
        if (parseStrict(source).ok) expect(() => JSON.parse(source)).not.toThrow()
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    ['a duplicate key', '{"a":1,"b":2,"a":3}', 'duplicate_key', 13],
    ['one key in two spellings', '{"a":1,"\\u0061":3}', 'duplicate_key', 7],
    ['__proto__', '{"__proto__":{"admin":true}}', 'forbidden_key', 1],
    ['an escaped __proto__', '{"\\u005f_proto__":1}', 'forbidden_key', 1],
    ['constructor', '[{"constructor":1}]', 'forbidden_key', 2],
    ['prototype', '{"prototype":1}', 'forbidden_key', 1],
    ['an integer beyond 2^53', '9007199254740993', 'unsafe_number', 0],
    ['an overflow', '[1e309]', 'unsafe_number', 1],
    ['half a surrogate pair', '"\\ud800"', 'lone_surrogate', 0],
    ['NaN', 'NaN', 'malformed_json', 0],
    ['a leading zero', '01', 'malformed_json', 1],
    ['a trailing comma', '[1,]', 'malformed_json', 3],
    ['a comment', '[1]//', 'malformed_json', 3],
    ['a control character', '"\t"', 'malformed_json', 0],
    ['a string without an end', '"abc', 'malformed_json', 0],
    ['a byte-order mark', '\ufeff1', 'malformed_json', 0],
    ['nothing at all', ' ', 'malformed_json', 1],
  ])('WB-13 refuses %s and says where', (_, source, code, at) => {
    expect(parseStrict(source)).toMatchObject({ ok: false, error: { code, at } })
  })

  test('WB-13 is bounded in depth, length and number of values', () => {
    const deep = '['.repeat(100_000)
    expect(parseStrict(deep)).toMatchObject({ error: { code: 'too_deep', at: 32 } })
    const wide = `[${'1,'.repeat(1_000_000)}1]`
    expect(parseStrict(wide, { nodes: 1000 })).toMatchObject({
      error: { code: 'too_large' },
    })
    expect(parseStrict('"aaaa"', { length: 5 })).toMatchObject({
      error: { code: 'too_large' },
    })
    expect(parseStrict(`${'['.repeat(32)}${']'.repeat(32)}`).ok).toBe(true)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(parseStrict(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({
      error: { code: 'not_utf8' },
    })
  })

  it('makes objects without a prototype', () => {
    const read = parseStrict('{"a":{}}')
    expect(read.ok && Object.getPrototypeOf(read.value)).toBeNull()
    expect(read.ok && 'toString' in (read.value as object)).toBe(false)
  })
})
