import fc from 'fast-check'
import { expect, test } from 'vitest'
import { visible, visibleName } from './visible.ts'

test.each<[string, string, string]>([
  ['plain words', 'the ledger table is locked', 'the ledger table is locked'],
  ['a right-to-left override', 'pay\u202eadmin', 'pay\\u{202e}admin'],
  ['a bidi isolate', 'a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
  ['a zero-width space', 'ro\u200ble', 'ro\\u{200b}le'],
  ['a zero-width joiner', 'ro\u200dle', 'ro\\u{200d}le'],
  ['a byte order mark', '\ufeffrole', '\\u{feff}role'],
  ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
  ['a Hangul filler', 'a\u3164b', 'a\\u{3164}b'],
  ['newlines that push text away', 'ok\n\n\nbut', 'ok\\n\\n\\nbut'],
  ['a carriage return that overprints', 'safe\rrisky', 'safe\\rrisky'],
  ['a terminal escape', '\u001b[2Jgone', '\\u{1b}[2Jgone'],
  ['a backspace', 'no\b\byes', 'no\\u{8}\\u{8}yes'],
  ['a C1 control', 'a\u009bb', 'a\\u{9b}b'],
  ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ['a no-break space', 'a\u00a0b', 'a\\u{a0}b'],
  ['a trailing space', 'payments-db ', 'payments-db\\u{20}'],
  ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
  ['a text that already looks escaped', '\\u{202e}', '\\\\u{202e}'],
  ['accents', 'café über', 'café über'],
  ['a tower of marks', 'e\u0301\u0301\u0301\u0301', 'e\u0301\u0301\\u{301}\\u{301}'],
  ['Hebrew, isolated', 'שלום', '\u2068שלום\u2069'],
  ['markup stays text', '<b>[x](http://y)</b>', '<b>[x](http://y)</b>'],
])('RQ-10 AP-14 %s', (_, text, shown) => {
  expect(visible(text)).toBe(shown)
})

test('AP-14 a name with a letter of another script is written out', () => {
  expect(visibleName('p\u0430yments-db')).toBe('p\\u{430}yments-db')
})

test('RQ-10 two different texts never look the same', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 })
  const marks = (shown: string) => shown.replaceAll(/[\u2068\u2069]/g, '')
  fc.assert(
    fc.property(text, text, (one, other) => {
      fc.pre(one !== other)
      expect(marks(visible(one))).not.toBe(marks(visible(other)))
    }),
  )
})

test('RQ-10 nothing shown is a control or format character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(visible(text).replaceAll(/[\u2068\u2069]/g, '')).not.toMatch(
        /[\p{C}\p{Zl}\p{Zp}]/u,
      )
    }),
  )
})
