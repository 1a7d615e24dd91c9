import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { simulate, usualBusySeconds } from './simulate.ts'
import { neverHappened, sumOf } from './sometimes.ts'
import { Violation } from './tally.ts'

/** A bug that takes more seeds than these to be found is as good as not found. */
const mostSeeds = 40

describe('a planted bug is caught by the invariant that it breaks', () => {
  test.each(mutants.map((mutant) => [mutant.invariant, mutant.name, mutant] as const))(
    'INV-%i: %s',
    async (invariant, _, { bug, faults }) => {
      const found: string[] = []
      for (let seed = 1; seed <= mostSeeds; seed++) {
        const plan = { seed: `mutant ${seed}`, busySeconds: usualBusySeconds, faults, bug }
        const { violation } = await simulate(plan)
        if (violation instanceof Violation && violation.invariant === invariant) return
        found.push(violation?.message ?? 'nothing')
      }
      expect.fail(`not caught: ${found.join(', ')}`)
    },
    900_000,
  )
})

test('K-05 K-10 P-04 Q-01 Q-02 S-01 S-10 C-10 T-01 T-05 no seed of twenty breaks anything, and everything happens in some', async () => {
  const outcomes = []
  for (let seed = 1; seed <= 20; seed++)
    outcomes.push(
      await simulate({ seed: String(seed), busySeconds: usualBusySeconds, faults: null }),
    )
  for (const { seed, violation } of outcomes) expect(violation, `seed ${seed}`).toBeNull()
  expect(neverHappened(sumOf(outcomes))).toEqual([])
}, 900_000)
