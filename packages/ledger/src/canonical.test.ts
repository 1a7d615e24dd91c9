import type { Json } from '@halligan/core'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { canonicalText, parseCanonical } from './canonical.ts'
import { parseStrict } from './strict-parser.ts'

function double(bits: string): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(`0x${bits}`))
  return view.getFloat64(0)
}

describe('RFC 8785', () => {
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('appendix B: %s is %s', (bits, text) => {
    expect(canonicalText(double(bits))).toBe(text)
  })

  test.each(['7fffffffffffffff', '7ff0000000000000', 'fff0000000000000'])(
    'appendix B: %s is an error',
    (bits) => {
      expect(() => canonicalText(double(bits))).toThrow(TypeError)
    },
  )

  test('section 3.2.2: literals, strings and numbers', () => {
    const source = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    expect(canonicalText(JSON.parse(source))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  test('section 3.2.3: members in the order of UTF-16 code units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalText(value)) as object).sort()).toHaveLength(7)
    const order = [...canonicalText(value).matchAll(/":"(\w+)/g)].map(([, word]) => word)
    expect(order).toEqual([
      'Carriage',
      'One',
      'Control',
      'Latin',
      'Euro',
      'Emoji',
      'Hebrew',
    ])
  })
})

/** What strict JSON can say. */
const json = fc
  .jsonValue({ maxDepth: 4, noUnicodeString: false })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json)
  .filter((value) => parseStrict(JSON.stringify(value)).ok)

describe('canonical JSON', () => {
  it('PO-08 is the same whoever wrote it, and reads back to itself', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalText(value)
        const strict = parseStrict(JSON.stringify(value, null, 2))
        expect(strict.ok && canonicalText(strict.value)).toBe(text)
        const read = parseCanonical(text)
        expect(read.ok && canonicalText(read.value)).toBe(text)
      }),
    )
  })

  it('agrees with the strict parser on what every text means', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (source) => {
        const canonical = parseCanonical(source)
        if (!canonical.ok) return
        const strict = parseStrict(source)
        expect(strict.ok && canonicalText(strict.value)).toBe(source)
      }),
    )
  })

  test.each([
    ['a blank', '{"a": 1}', 'not_canonical'],
    ['keys out of order', '{"b":1,"a":2}', 'not_canonical'],
    ['a duplicate key', '{"a":1,"a":1}', 'not_canonical'],
    ['another spelling of a number', '1.0', 'not_canonical'],
    ['a needless escape', '"\\u0041"', 'not_canonical'],
    ['minus zero', '-0', 'not_canonical'],
    ['a number rounded in reading', '0.10000000000000000001', 'not_canonical'],
    ['a key that reaches a prototype', '{"__proto__":1}', 'forbidden_key'],
    ['an unsafe integer', '9007199254740992', 'unsafe_number'],
    ['an overflow', '1e309', 'unsafe_number'],
    ['depth', `${'['.repeat(33)}${']'.repeat(33)}`, 'too_deep'],
    ['a byte-order mark', '\ufeff{}', 'malformed_json'],
    ['nothing', '', 'malformed_json'],
  ])('refuses %s', (_, text, code) => {
    expect(parseCanonical(text)).toMatchObject({ ok: false, error: { code } })
  })

  it('refuses to write what JSON cannot say', () => {
    const unsayable = [undefined, () => 0, '\ud800', { a: undefined }, { '\udfff': 1 }]
    for (const value of unsayable)
      expect(() => canonicalText(value as unknown as Json)).toThrow(TypeError)
  })
})
