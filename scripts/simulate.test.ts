import { expect, test, vi } from 'vitest'
import { asked, run } from './simulate.ts'
import { mutants } from './simulation/mutants.ts'

const mutant = mutants.find(({ invariant }) => invariant === 5)

/** What is printed when the words are asked for, of a product with a bug that needs no fault. */
async function printed(...words: readonly string[]): Promise<string> {
  if (mutant === undefined) throw new Error('there is one for each invariant')
  const { bug } = mutant
  const { plans, isReplay } = asked(words)
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    const isWell = await run({ plans: plans.map((plan) => ({ ...plan, bug })), isReplay })
    expect(isWell).toBe(false)
    return write.mock.calls.map(([text]) => String(text)).join('')
  } finally {
    write.mockRestore()
  }
}

const commandIn = (label: string, text: string): readonly string[] =>
  new RegExp(`^${label}: npm run simulate -- (.*)$`, 'm')
    .exec(text)?.[1]
    ?.trim()
    .split(' ') ?? []

test('a seed that fails is followed by a smaller plan, one of --seeds 1 too, and a replay is not', async () => {
  const text = await printed('--seeds', '1', '--from', '3', '--faults', 'targetSlow')
  expect(commandIn('Replay', text)).toEqual(['--seed', '3', '--faults=targetSlow'])
  const smaller = commandIn('Smaller', text)
  const [plan] = asked(smaller).plans
  expect(plan).toMatchObject({ seed: '3', faults: [] })
  expect(plan?.busySeconds).toBeLessThan(200)
  const again = await printed(...smaller)
  expect(again).toContain('INV-5')
  expect(again).not.toContain('Smaller: ')
}, 120_000)
