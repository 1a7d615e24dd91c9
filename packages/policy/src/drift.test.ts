import { describe, expect, test } from 'vitest'
import { exampleFiles } from '../test/situation.ts'
import { driftUrgency } from './drift.ts'
import { readEstate } from './estate.ts'

const estate = exampleFiles['estate.yaml'] ?? ''
const withDrift = (text: string) => readEstate(`${estate}\n${text}\n`)
const saying = (page: readonly string[], tell: readonly string[]) => ({
  drift: { page, tell },
})

describe('drift of which the estate says nothing', () => {
  test.each([
    'unexplained',
    'reappeared',
    'foreign_login',
    'foreign_membership',
    'sealed_account_used',
    'sealed_account_changed',
    'connector_unready',
    'connector_excess',
    'unexplained_applied',
    'unexplained_rotated',
    'never_heard_of',
  ])('EN-26 pages for %s', (what) => expect(driftUrgency({}, what)).toBe('page'))

  test.each([
    ...['missing', 'unlisted', 'connector_ready', 'unexplained_cleaned'],
    ...['note_unreadable', 'vault_unreadable', 'connector_lacks'],
  ])('tells of %s', (what) => expect(driftUrgency({}, what)).toBe('tell'))
})

describe('what the estate says', () => {
  test('goes before what is usual, either way', () => {
    const said = saying(['missing'], ['connector_unready'])
    expect(driftUrgency(said, 'missing')).toBe('page')
    expect(driftUrgency(said, 'connector_unready')).toBe('tell')
    expect(driftUrgency(said, 'unexplained')).toBe('page')
  })

  test('is decided by the name that fits most closely', () => {
    const said = saying(['foreign_login', 'foreign_m*'], ['foreign_*'])
    expect(driftUrgency(said, 'foreign_login')).toBe('page')
    expect(driftUrgency(said, 'foreign_membership')).toBe('page')
    expect(driftUrgency(said, 'foreign_rule')).toBe('tell')
  })

  test('is read from estate.yaml', () => {
    expect(withDrift('drift: { page: [missing], tell: ["foreign_*"] }')).toMatchObject({
      value: { drift: { page: ['missing'], tell: ['foreign_*'] } },
    })
  })

  test.each([
    ['drift: { page: [missing], tell: [missing] }', 'missing also pages'],
    ['drift: { page: [Missing], tell: [] }', 'the name of a drift'],
    ['drift: { page: ["*"], tell: [] }', 'the name of a drift'],
    ['drift: { page: [] }', 'field "tell" is missing'],
    ['drift: { page: [a, a], tell: [] }', 'stands twice'],
    ['drift: { page: [], tell: [], mute: [] }', 'unknown field'],
  ])('%s is refused', (text, why) => {
    const read = withDrift(text)
    expect(read.ok ? [] : read.error.map(({ reason }) => reason).join()).toContain(why)
  })
})
