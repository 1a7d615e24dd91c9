import type { Instant } from '@halligan/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Bound,
  type Clocks,
  millisLeft,
  mustEnd,
  remainingMillis,
} from './deadline.ts'

const minute = 60_000
const hour = 60 * minute
const start = 1_800_000_000_000 as Instant

const bound: Bound = {
  bootId: 'boot-1',
  bootAtAccept: 500_000,
  wallAtAccept: start,
  remainingMillis: 10 * minute,
  notAfter: (start + 10 * minute) as Instant,
}

/** Clocks of the same boot after `boot` ms have really passed and the wall clock shows `wall` ms more. */
const after = (boot: number, wall = boot, more: Partial<Clocks> = {}): Clocks => ({
  bootId: 'boot-1',
  bootMillis: bound.bootAtAccept + boot,
  wall: (start + wall) as Instant,
  synchronised: true,
  ...more,
})

const ends = (clocks: Clocks, highest: number = start) =>
  mustEnd(bound, clocks, highest as Instant)

describe('ends at the earliest of four clocks', () => {
  const otherBoot = { bootId: 'boot-2', bootMillis: 1000 }
  test.each<[string, Clocks, number, ReturnType<typeof ends>]>([
    ['TM-08 a millisecond before the bound it stands', after(10 * minute - 1), start, null],
    ['TM-08 at the bound itself it is over', after(10 * minute), start, 'deadline'],
    [
      'TM-01 wall clock set back an hour: ended at once, not an hour late',
      after(minute, minute - hour),
      start + minute,
      'clock',
    ],
    [
      'TM-01 wall clock set back 20 s: ends on time by the boot clock',
      after(10 * minute, 10 * minute - 20_000),
      start + 10 * minute - 1,
      'deadline',
    ],
    [
      'T-01 wall clock set back a day',
      after(minute, minute - 24 * hour),
      start + minute,
      'clock',
    ],
    [
      'T-01 wall clock one hour ahead only shortens',
      after(minute, hour),
      start,
      'deadline',
    ],
    [
      'TM-02 T-01 wall clock ten years ahead ends it',
      after(minute, 87_600 * hour),
      start,
      'deadline',
    ],
    [
      'TM-04 T-02 two hours of suspend count, by the boot clock',
      after(2 * hour, minute),
      start,
      'deadline',
    ],
    [
      'T-05 wall clock frozen: the boot clock ends it',
      after(10 * minute, 0),
      start,
      'deadline',
    ],
    [
      'T-05 boot clock frozen: the wall clock ends it',
      after(0, 10 * minute),
      start,
      'deadline',
    ],
    [
      '30 s behind the highest wall clock is behind',
      after(minute, 0),
      start + 30_000,
      'clock',
    ],
    ['29.999 s behind is not', after(minute, 0), start + 29_999, null],
    [
      'another boot on a disciplined clock goes on',
      after(0, minute, otherBoot),
      start,
      null,
    ],
    [
      'another boot on a disciplined clock still ends by the wall',
      after(0, 10 * minute, otherBoot),
      start,
      'deadline',
    ],
    [
      'another boot with nobody to tell the time ends',
      after(0, minute, { ...otherBoot, synchronised: false }),
      start,
      'reboot',
    ],
    ['a boot clock that went back was a snapshot', after(-1, minute), start, 'clock'],
    ['a wall clock that is no number ends', after(minute, Number.NaN), start, 'deadline'],
  ])('%s', (_, clocks, highest, expected) => {
    expect(ends(clocks, highest)).toBe(expected)
  })
})

test('INV-21 real elapsed access never exceeds the life, however the wall clock moves', () => {
  let stood = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 * minute }),
      fc.integer({ min: -48 * hour, max: 48 * hour }),
      (elapsed, wall) => {
        const standing = ends(after(elapsed, wall), start) === null
        if (standing) stood++
        expect(standing && elapsed >= bound.remainingMillis).toBe(false)
      },
    ),
    { numRuns: 2000 },
  )
  expect(stood).toBeGreaterThan(0)
})

test('INV-21 what millisLeft promises is when mustEnd agrees', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 * minute }), (elapsed) => {
      const clocks = after(elapsed)
      const left = millisLeft(bound, clocks)
      expect(ends(after(elapsed + left - 1))).toBe(null)
      expect(ends(after(elapsed + left))).toBe('deadline')
    }),
  )
})

test.each([
  [
    'the order',
    { notAfter: 61_500, life: 600, guard: 600, sinceAsked: 1500 },
    60_000 - 1000,
  ],
  ['the life of the terms', { notAfter: 9e6, life: 60, guard: 600, sinceAsked: 0 }, 60_000],
  ["the guard's limit", { notAfter: 9e6, life: 600, guard: 30, sinceAsked: 0 }, 30_000],
])('what remains is bounded by %s', (_, given, expected) => {
  const remaining = remainingMillis({
    notAfter: given.notAfter as Instant,
    serverTime: 1000 as Instant,
    sinceAskedMillis: given.sinceAsked,
    lifeSeconds: given.life,
    guardMaxLifeSeconds: given.guard,
  })
  expect(remaining).toBe(expected)
})
