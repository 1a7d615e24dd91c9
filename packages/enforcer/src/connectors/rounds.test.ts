import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inRounds, inTurns } from './rounds.ts'

/** Rounds that last until they are let go, in the order in which they began. */
function heldRounds() {
  const begun: { keys: readonly string[]; finish(): void; fail(): void }[] = []
  const round = (keys: readonly string[]) =>
    new Promise<ReadonlyMap<string, string>>((resolve, reject) => {
      const finish = () => resolve(new Map(keys.map((key) => [key, `${key}!`])))
      begun.push({ keys, finish, fail: () => reject(new Error('away')) })
    })
  const keys = () => begun.map((each) => each.keys)
  return { begun, round, keys }
}

test('calls of one moment share a round, and each has its own answer', async () => {
  const { begun, round, keys } = heldRounds()
  const ask = inRounds(1, round)
  const answers = Promise.all([ask('a'), ask('b'), ask('a')])
  await turn()
  expect(keys()).toEqual([['a', 'b']])
  begun[0]?.finish()
  expect(await answers).toEqual(['a!', 'b!', 'a!'])
})

test('INV-9 a call never joins a round that has begun: what was read before it was made proves nothing', async () => {
  const { begun, round, keys } = heldRounds()
  const ask = inRounds(1, round)
  const first = ask('a')
  await turn()
  const second = ask('a')
  await turn()
  expect(keys()).toEqual([['a']])
  begun[0]?.finish()
  await first
  await turn()
  expect(keys()).toEqual([['a'], ['a']])
  begun[1]?.finish()
  expect(await second).toBe('a!')
})

test('a round that hangs leaves room for another', async () => {
  const { begun, round, keys } = heldRounds()
  const ask = inRounds(2, round)
  void ask('a')
  await turn()
  const second = ask('b')
  await turn()
  expect(keys()).toEqual([['a'], ['b']])
  begun[1]?.finish()
  expect(await second).toBe('b!')
})

test('a round that fails fails its own calls and none after it', async () => {
  const { begun, round } = heldRounds()
  const ask = inRounds(1, round)
  const failed = Promise.allSettled([ask('a'), ask('b')])
  await turn()
  const next = ask('a')
  begun[0]?.fail()
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await turn()
  begun[1]?.finish()
  expect(await next).toBe('a!')
})

test('a round that answers for somebody else answers nobody', async () => {
  const ask = inRounds<string, string>(1, async () => new Map([['b', 'b!']]))
  await expect(ask('a')).rejects.toThrow('left out a')
})

test('work in turns is done in order, so much at once, and the rest is declined', async () => {
  const inTurn = inTurns(1, 2)
  const done: string[] = []
  const work = (name: string) =>
    inTurn(async () => {
      await turn()
      done.push(name)
      if (name === 'a') throw new Error('a went wrong')
      return name
    })
  const answers = await Promise.allSettled([work('a'), work('b'), work('c')])
  expect(answers).toMatchObject([
    { status: 'rejected' },
    { status: 'fulfilled', value: 'b' },
    { status: 'fulfilled', value: null },
  ])
  expect(done).toEqual(['a', 'b'])
  expect(await work('d')).toBe('d')
})
