import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLane } from './lane.ts'

const unheard = (error: unknown) => {
  throw error
}

/** A lane whose jobs last until they are let go, and the names of those that have begun. */
function heldLane(shared: number, urgent: number) {
  const begun: string[] = []
  const finish = new Map<string, () => void>()
  const lane = createLane({ shared, urgent }, unheard, () => {})
  const run = (name: string, isUrgent: boolean) =>
    lane.run(name, isUrgent, () => {
      begun.push(name)
      return new Promise((resolve) => finish.set(name, resolve))
    })
  return { lane, begun, finish, run }
}

test('endings go before everything that has not begun', async () => {
  const { begun, finish, run } = heldLane(1, 1)
  run('open-1', false)
  run('open-2', false)
  run('end', true)
  finish.get('open-1')?.()
  await turn()
  expect(begun).toEqual(['open-1', 'end'])
})

test('INV-25 endings have room of their own: what opens or cleans slowly never holds one up', () => {
  const { begun, run } = heldLane(2, 4)
  for (const name of ['open-1', 'open-2', 'open-3']) run(name, false)
  for (const name of ['end-1', 'end-2', 'end-3']) run(name, true)
  expect(begun).toEqual(['open-1', 'open-2', 'end-1', 'end-2'])
})

test('nothing else begins while endings fill the room that it shares with them', async () => {
  const { lane, begun, finish, run } = heldLane(2, 4)
  for (const name of ['end-1', 'end-2', 'end-3']) run(name, true)
  run('open', false)
  finish.get('end-1')?.()
  await turn()
  expect(begun).not.toContain('open')
  finish.get('end-2')?.()
  await turn()
  expect(begun).toContain('open')
  finish.get('open')?.()
  finish.get('end-3')?.()
  await lane.idle()
})

test('never two jobs of one key at once', () => {
  const { lane, begun, run } = heldLane(4, 4)
  run('end', true)
  run('end', true)
  expect(begun).toEqual(['end'])
  expect(lane.busyWith('end')).toBe(true)
})
