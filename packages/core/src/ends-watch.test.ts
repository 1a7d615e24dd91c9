import { expect, test } from 'vitest'
import { createEndsWatch, type EndsTurn } from './ends-watch.ts'

/** A watch that is looked at every second, and what it told, at which second and of how many. */
function watched() {
  const watch = createEndsWatch()
  const told: { second: number; turn: EndsTurn; endsOpen: number }[] = []
  let second = 0
  const look = (endsOpen: number) => {
    second++
    const turn = watch.turn(endsOpen, second)
    if (turn === null) return
    told.push({ second, turn, endsOpen })
    watch.told(turn, endsOpen)
  }
  return {
    told,
    watch,
    now: () => second,
    pass(seconds: number, endsOpen: number) {
      for (let n = 0; n < seconds; n++) look(endsOpen)
    },
    /** From so many to so many, so many in each second. */
    workOff(from: number, to: number, each: number) {
      for (let open = from; open > to; ) {
        const proven = Math.min(each, open - to)
        for (let n = 0; n < proven; n++) watch.proven(second + 1)
        open -= proven
        look(open)
      }
    },
  }
}

test('L-01 a backlog that is late is told of although an old end stands that is never proven', () => {
  const { pass, workOff, told, now } = watched()
  pass(300, 1)
  expect(told.map(({ endsOpen }) => endsOpen)).toEqual([1])
  const came = now()
  workOff(10_001, 9_901, 10)
  expect(told).toHaveLength(2)
  expect(told[1]).toMatchObject({ turn: 'late' })
  expect(Number(told[1]?.second) - came).toBeLessThan(10)
})

test('L-01 a stuck end is told of once, whatever is proven beside it', () => {
  const { pass, workOff, told } = watched()
  pass(100, 1)
  for (let n = 0; n < 200; n++) {
    workOff(4, 1, 1)
    pass(20, 1)
  }
  expect(told.map(({ turn }) => turn)).toEqual(['late'])
  pass(1, 0)
  pass(100, 0)
  expect(told.map(({ turn }) => turn)).toEqual(['late', 'in_time'])
})

test('L-01 beside a stuck end, what ends within the minute wakes nobody', () => {
  const { pass, workOff, told } = watched()
  pass(300, 1)
  workOff(501, 1, 10)
  pass(300, 1)
  workOff(501, 1, 10)
  expect(told).toHaveLength(1)
})

test('L-01 the one end of a late backlog that is never proven lets the next one be told of', () => {
  const { pass, workOff, told } = watched()
  workOff(10_000, 1, 50)
  pass(3600, 1)
  workOff(10_000, 1, 50)
  pass(3600, 1)
  expect(told.map(({ turn, endsOpen }) => [turn, endsOpen])).toEqual([
    ['late', 9700],
    ['late', 9700],
  ])
})

test('L-01 a dead target that gathers ends is told of ever more rarely', () => {
  const { pass, told } = watched()
  for (let ends = 1; ends <= 100; ends++) pass(60, ends)
  expect(told.length).toBeLessThan(9)
  expect(told.map(({ turn }) => turn)).not.toContain('in_time')
})

test('the rate beside a stuck end is that of the last minute', () => {
  const { pass, workOff, watch, now } = watched()
  pass(300, 1)
  workOff(301, 1, 10)
  expect(watch.read(1, now()).provenPerMinute).toBe(300)
})
