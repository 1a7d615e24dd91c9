import { ok } from '@halligan/core'
import { expect, test } from 'vitest'
import type { Waiting } from './commit.ts'
import { createQueue } from './queue.ts'

const waiting = (name: string, patient: boolean): Waiting => ({
  command: { name, key: null, patient, run: () => ok(null) },
  answer: () => undefined,
  fail: () => undefined,
})

/** So many acts, and so much that is due, in the order in which the writer takes them: the names of each batch. */
function queued(...order: readonly (readonly ['act' | 'due', number])[]) {
  const queue = createQueue()
  const push = (kind: 'act' | 'due', count: number) => {
    for (let n = 0; n < count; n++) queue.push(waiting(kind, kind === 'due'))
  }
  for (const [kind, count] of order) push(kind, count)
  const batch = () => {
    const names = queue.take().map(({ command }) => command.name)
    const acts = names.filter((name) => name === 'act').length
    return { acts, due: names.length - acts, first: names[0] }
  }
  return { queue, push, batch }
}

test('L-01 an act goes before what was due earlier, and a few of that beside it', () => {
  const { batch } = queued(['due', 1000], ['act', 1])
  expect(batch()).toEqual({ acts: 1, due: 4, first: 'act' })
  expect(batch()).toEqual({ acts: 0, due: 64, first: 'due' })
})

test('L-01 INV-9 what is due has its part of every batch while people act without end', () => {
  const { push, batch, queue } = queued(['due', 100])
  let batches = 0
  for (let due = 0; due < 100; batches++) {
    push('act', 200)
    const taken = batch()
    expect(taken.acts + taken.due).toBeLessThanOrEqual(64)
    expect(taken.due).toBeGreaterThan(0)
    due += taken.due
  }
  expect(batches).toBe(9)
  expect(queue.isEmpty()).toBe(false)
})

test('each is taken once, in the order in which it came among its own', () => {
  const { batch, queue } = queued(['act', 100], ['due', 30])
  expect([batch(), batch(), batch()]).toEqual([
    { acts: 52, due: 12, first: 'act' },
    { acts: 48, due: 12, first: 'act' },
    { acts: 0, due: 6, first: 'due' },
  ])
  expect(queue.isEmpty()).toBe(true)
  expect(queue.take()).toEqual([])
})
