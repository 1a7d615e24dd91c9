import { describe, expect, test } from 'vitest'
import { diceOf } from './dice.ts'
import { mutants } from './mutants.ts'
import { simulate } from './simulate.ts'
import { sumOf } from './sometimes.ts'
import { Violation } from './tally.ts'

const short = { busySeconds: 45, faults: null }

/** Seconds of work, on a machine that may have other work. */
const patience = 120_000

test(
  'one seed is one history, event by event; another seed is another',
  async () => {
    const histories = ['3', '3', '4'].map((seed) => () => simulate({ seed, ...short }))
    const digests: string[] = []
    for (const history of histories) digests.push((await history()).digest)
    expect(digests[0]).toBe(digests[1])
    expect(digests[0]).not.toBe(digests[2])
  },
  patience,
)

test(
  'INV-1 INV-8 INV-9 INV-10 INV-11 INV-14 hold while everything goes wrong',
  async () => {
    const outcomes = []
    for (const seed of ['1', '5']) outcomes.push(await simulate({ seed, ...short }))
    for (const { seed, violation } of outcomes) expect(violation, `seed ${seed}`).toBeNull()
    const { counts, events } = sumOf(outcomes)
    expect(events).toBeGreaterThan(2000)
    expect(counts.get('access opened at a target')).toBeGreaterThan(0)
    expect(counts.get('access ended at a target')).toBe(
      counts.get('access opened at a target'),
    )
  },
  patience,
)

describe('a bug', () => {
  test(
    'that is planted is found, by the invariant that it breaks',
    async () => {
      const mutant = mutants.find(({ invariant }) => invariant === 5)
      if (mutant === undefined) throw new Error('there is one for each')
      const { bug, faults } = mutant
      const { violation } = await simulate({ seed: '3', busySeconds: 60, faults, bug })
      expect(violation).toBeInstanceOf(Violation)
      expect((violation as Violation).invariant).toBe(5)
    },
    patience,
  )

  test('is planted for each invariant that is simulated', () => {
    const planted = new Set(mutants.map(({ invariant }) => invariant))
    const expected = [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22,
    ]
    expect([...planted].sort((one, other) => one - other)).toEqual([...expected, 23, 25])
  })
})

test('dice draw the same for the same name, and spread', () => {
  const draw = (name: string) => Array.from({ length: 1000 }, diceOf(name).draw)
  expect(draw('one')).toEqual(draw('one'))
  expect(draw('one')).not.toEqual(draw('other'))
  const mean = draw('one').reduce((sum, each) => sum + each, 0) / 1000
  expect(mean).toBeGreaterThan(0.45)
  expect(mean).toBeLessThan(0.55)
})
