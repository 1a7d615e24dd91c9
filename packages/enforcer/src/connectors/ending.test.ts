import { expect, test } from 'vitest'
import { type Insist, untilItHolds, untilNobody, whileForcing } from './ending.ts'

test('INV-9 a step that waits for a lock is helped until it has it', async () => {
  const step = Promise.withResolvers<void>()
  let kills = 0
  await whileForcing(step.promise, (insist) =>
    insist(async () => {
      kills += 1
      if (kills === 3) step.resolve()
    }),
  )
  expect(kills).toBe(3)
})

test('a step that settles soon, well or not, ends nobody’s sessions', async () => {
  const never = async (_: Insist) => expect.unreachable()
  await whileForcing(Promise.resolve(), never)
  await expect(whileForcing(Promise.reject(new Error('refused')), never)).rejects.toThrow(
    'refused',
  )
})

test('a step that fails while it is helped tells why', async () => {
  const step = Promise.withResolvers<void>()
  const forced = whileForcing(step.promise, (insist) =>
    insist(async () => step.reject(new Error('deadlock'))),
  )
  await expect(forced).rejects.toThrow('deadlock')
})

test('INV-9 nobody is gone before two looks in a row found nobody', async () => {
  const found = [2, 0, 1, 0, 0, 7]
  const look = async () => found.shift() ?? 0
  await untilNobody(look, { millisAtMost: 5_000, millisBetween: 1 })
  expect(found).toEqual([7])
})

test('sessions that stay are told, with how many', async () => {
  const staying = untilNobody(async () => 3, { millisAtMost: 20, millisBetween: 1 })
  await expect(staying).rejects.toThrow('3 sessions do not end')
})

test('K-11 an ending that does not hold at once is done again, and at last says why', async () => {
  const rounds = [['locked'], []]
  await untilItHolds('ada', 2, async () => rounds.shift() ?? [])
  expect(rounds).toEqual([])
  const failing = untilItHolds('ada', 2, async () => [new Error('locked'), 'busy'])
  await expect(failing).rejects.toThrow('ada is not ended: locked; busy')
})
