import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLane, type Turn } from './lane.ts'
import { createQueue } from './queue.ts'

const unheard = (error: unknown) => {
  throw error
}

/** A lane whose jobs last until they are let go, and the names of those that have begun. */
function heldLane(shared: number, urgent: number) {
  const begun: string[] = []
  const finish = new Map<string, () => void>()
  const lane = createLane({ shared, urgent }, unheard, () => {})
  const run = (name: string, at: Turn) =>
    lane.run(name, at, () => {
      begun.push(name)
      return new Promise((resolve) => finish.set(name, resolve))
    })
  /** Lets go whatever has begun, until nothing is left. */
  const letAllGo = async () => {
    while (finish.size > 0) {
      for (const [name, done] of finish) {
        finish.delete(name)
        done()
      }
      await turn()
    }
  }
  return { lane, begun, finish, run, letAllGo }
}

test('endings go before everything else that has not begun', async () => {
  const { begun, finish, run } = heldLane(1, 1)
  run('clean-1', 'clean')
  run('clean-2', 'clean')
  run('end', 'due')
  finish.get('clean-1')?.()
  await turn()
  expect(begun).toEqual(['clean-1', 'end'])
})

test('L-01 what is asked for goes first, then what is due, then what was never open, then the rest', async () => {
  const { begun, run, letAllGo } = heldLane(1, 1)
  run('busy', 'due')
  for (const name of ['clean', 'rotate', 'untouched', 'due', 'asked'] as const)
    run(name, name)
  await letAllGo()
  expect(begun).toEqual(['busy', 'asked', 'due', 'untouched', 'rotate', 'clean'])
})

test('L-01 an end that is asked for begins next, however many are only due', async () => {
  const { begun, finish, run } = heldLane(4, 8)
  for (let n = 0; n < 10_000; n++) run(`due-${n}`, 'due')
  run('revoked', 'asked')
  finish.get('due-3')?.()
  await turn()
  expect(begun).toHaveLength(9)
  expect(begun.at(-1)).toBe('revoked')
})

test('L-01 what is due already and then asked for goes first from then on, and once', async () => {
  const { lane, begun, run, letAllGo } = heldLane(1, 1)
  for (const name of ['due-1', 'due-2', 'due-3', 'due-4']) run(name, 'due')
  lane.hurry('due-4')
  lane.hurry('due-4')
  lane.hurry('nobody')
  await letAllGo()
  expect(begun).toEqual(['due-1', 'due-4', 'due-2', 'due-3'])
  run('due-4', 'due')
  expect(begun.at(-1)).toBe('due-4')
})

test('L-01 an opening begins at once, however many ends wait, and ends go on beside it', async () => {
  const { begun, finish, run } = heldLane(2, 4)
  for (let n = 0; n < 10_000; n++) run(`due-${n}`, 'due')
  for (const name of ['open-1', 'open-2', 'open-3']) run(name, 'open')
  expect(begun).toEqual(['due-0', 'due-1', 'due-2', 'due-3', 'open-1', 'open-2'])
  for (const name of ['due-0', 'due-1', 'due-2']) finish.get(name)?.()
  await turn()
  // Two openings hang: the room that is left to ends is theirs.
  expect(begun.slice(6)).toEqual(['due-4'])
})

test('INV-25 endings have room of their own: what opens or cleans slowly never holds one up', () => {
  const { begun, run } = heldLane(2, 4)
  for (const name of ['open-1', 'open-2', 'open-3']) run(name, 'open')
  for (const name of ['end-1', 'end-2', 'end-3']) run(name, 'due')
  expect(begun).toEqual(['open-1', 'open-2', 'end-1', 'end-2'])
})

test('nothing is cleaned up while endings fill the room that it shares with them', async () => {
  const { lane, begun, finish, run, letAllGo } = heldLane(2, 4)
  for (const name of ['end-1', 'end-2', 'end-3']) run(name, 'due')
  run('clean', 'clean')
  finish.get('end-1')?.()
  await turn()
  expect(begun).not.toContain('clean')
  finish.get('end-2')?.()
  await turn()
  expect(begun).toContain('clean')
  await letAllGo()
  await lane.idle()
})

test('L-01 ends that failed before have half the room, and never keep out what was not tried yet', async () => {
  const { begun, finish, run } = heldLane(2, 4)
  for (const name of ['again-1', 'again-2', 'again-3']) run(name, 'due again')
  for (const name of ['due-1', 'due-2', 'due-3']) run(name, 'due')
  expect(begun).toEqual(['again-1', 'again-2', 'due-1', 'due-2'])
  finish.get('again-1')?.()
  await turn()
  expect(begun.at(-1)).toBe('due-3')
  run('revoked-again', 'asked again')
  run('due-4', 'due')
  finish.get('due-1')?.()
  await turn()
  expect(begun.at(-1)).toBe('revoked-again')
})

test('never two jobs of one key at once', () => {
  const { lane, begun, run } = heldLane(4, 4)
  run('end', 'due')
  run('end', 'asked')
  expect(begun).toEqual(['end'])
  expect(lane.busyWith('end')).toBe(true)
})

test('the queue gives back all of a hundred thousand in order', () => {
  const queue = createQueue<number>()
  const out: (number | undefined)[] = []
  for (let n = 0; n < 100_000; n++) {
    queue.push(n)
    if (n % 3 === 0) out.push(queue.shift())
  }
  for (let n = queue.shift(); n !== undefined; n = queue.shift()) out.push(n)
  expect(out).toEqual(Array.from({ length: 100_000 }, (_, n) => n))
  queue.push(7)
  expect([queue.shift(), queue.shift()]).toEqual([7, undefined])
})
