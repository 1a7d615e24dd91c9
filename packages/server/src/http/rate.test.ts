import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { handClock } from '../../test/log-kit.ts'
import { createRateCap } from './rate.ts'

const rate = { burst: 5, perMinute: 60 }

describe('RQ-13 a cap of its own for each principal', () => {
  test('lets a burst through, then says how long to wait', () => {
    const cap = createRateCap(handClock().clock, rate)
    const taken = Array.from({ length: 7 }, () => cap.take('mallory'))
    expect(taken).toEqual([0, 0, 0, 0, 0, 1, 1])
  })

  test('leaves everybody else alone', () => {
    const cap = createRateCap(handClock().clock, rate)
    for (let i = 0; i < 500; i++) cap.take('mallory')
    expect(cap.take('ada')).toBe(0)
  })

  test('waits no longer for those who kept on asking', () => {
    const time = handClock()
    const cap = createRateCap(time.clock, rate)
    for (let i = 0; i < 500; i++) cap.take('mallory')
    time.pass(1000)
    expect(cap.take('mallory')).toBe(0)
  })

  test('locks nobody out when the wall clock is set back', () => {
    const time = handClock()
    const cap = createRateCap(time.clock, rate)
    for (let i = 0; i < 5; i++) cap.take('ada')
    time.jump(-3_600_000)
    time.freeze(1000)
    expect(cap.take('ada')).toBe(0)
  })

  test('never lets more through than the burst and what time has refilled', () => {
    let most = 0
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }),
        (pauses) => {
          const time = handClock()
          const cap = createRateCap(time.clock, rate)
          const passed = pauses.reduce((sum, pause) => sum + pause, 0)
          const through = pauses.filter((pause) => {
            time.pass(pause)
            return cap.take('mallory') === 0
          }).length
          most = Math.max(most, through)
          expect(through).toBeLessThanOrEqual(rate.burst + Math.floor(passed / 1000) + 1)
        },
      ),
    )
    expect(most).toBeGreaterThan(rate.burst)
  })
})
