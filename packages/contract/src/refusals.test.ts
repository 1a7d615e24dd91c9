import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { problemOf } from './problem.ts'
import { refusalCodes, refusals } from './refusals.ts'

const page = readFileSync(new URL('../../../docs/refusals.md', import.meta.url), 'utf8')
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
)

describe('docs/refusals.md', () => {
  test('explains every code there is, and no other', () => {
    expect([...sections.keys()].sort()).toEqual([...refusalCodes].sort())
  })

  test.each(refusalCodes)(
    'says of %s its status, its meaning and what to do next',
    (code) => {
      const { status, title, next } = refusals[code]
      const section = sections.get(code) ?? ''
      expect(section).toContain(`**${status}** ${title}.`)
      expect(section).toContain(`*Next:* ${next}`)
    },
  )
})

describe('a refusal as it travels', () => {
  test('keeps its own facts beside the standard members, and cannot overwrite them', () => {
    const told = problemOf({ code: 'too_late', deadline: 7, status: 200 } as never)
    expect(told).toMatchObject({ code: 'too_late', status: 409, deadline: 7 })
  })

  test('of an unknown code is a defect, not an answer', () => {
    expect(() => problemOf({ code: 'whatever' })).toThrow('not in the registry')
  })
})
