import { describe, expect, test } from 'vitest'
import { bundleOf, exampleFiles } from '../test/situation.ts'
import { testBundle } from './trial.ts'

const example = bundleOf(exampleFiles)

describe("the example bundle's own tests", () => {
  test.each(testBundle(example))('$file:$line $name', ({ detail }) => {
    expect(detail).toBe('')
  })

  test('meet every guardrail that the example has', () => {
    const tests = Object.entries(exampleFiles).flatMap(([path, text]) =>
      path.startsWith('tests/') ? [text] : [],
    )
    const forbids = example.policies.filter(
      ({ effect, file }) => effect === 'forbid' && file !== 'acts.cedar',
    )
    const unmet = forbids.filter(({ id }) => !tests.some((text) => text.includes(id)))
    expect(unmet.map(({ id }) => id)).toEqual(['critical-needs-two'])
  })
})
