import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxPartBytes, maxParts, partsOf } from './evidence-parts.ts'

const bytes = (text: string) => Buffer.byteLength(text)

test('parts are bounded, whole characters, and together the text', () => {
  let split = 0
  const unit = fc.constantFrom('select 1;\n', '💥', 'ü', '\u0000', 'x'.repeat(997))
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 400, size: 'max' }), (units) => {
      const text = units.join('')
      const { parts, cut } = partsOf(text)
      for (const part of parts) {
        expect(bytes(part)).toBeLessThanOrEqual(maxPartBytes)
        expect(part.isWellFormed()).toBe(true)
        expect(part).not.toContain('\ufffd')
      }
      expect(parts.length).toBeLessThanOrEqual(maxParts)
      if (cut) expect(text.startsWith(parts.join(''))).toBe(true)
      else expect(parts.join('')).toBe(text)
      if (parts.length > 1) split++
    }),
    { numRuns: 200 },
  )
  expect(split).toBeGreaterThan(20)
})

test.each([
  ['nothing', '', 0, false],
  ['a byte order mark and a lone surrogate', '\ufeff\ud800', 1, false],
  ['one full part', 'x'.repeat(maxPartBytes), 1, false],
  ['one byte more', 'x'.repeat(maxPartBytes + 1), 2, false],
  ['as much as there is room for', 'x'.repeat(maxParts * maxPartBytes), maxParts, false],
  ['one byte more than that', 'x'.repeat(maxParts * maxPartBytes + 1), maxParts, true],
])('%s', (_, text, count, cut) => {
  expect(partsOf(text)).toMatchObject({ parts: { length: count }, cut })
})

test('it is broken at lines where there are any', () => {
  const line = `${'x'.repeat(99)}\n`
  for (const part of partsOf(line.repeat(500)).parts) expect(part.endsWith('\n')).toBe(true)
})
