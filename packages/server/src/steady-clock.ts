import type { Instant } from '@halligan/core'
import type { Clock } from './ports.ts'

/** Wall and boot clock may drift apart this far before time is called unsafe (PROTOCOL 5). */
export const clockToleranceMillis = 30_000

/** NTP slews a clock by at most 500 ppm, so an honest wall clock stays within this of the boot clock. */
const slewPerMilli = 0.0005

/**
 * The log's time: the wall clock, as long as it agrees with the boot clock. When it has jumped or is frozen,
 * it is the time that the boot clock makes of the last good reading, so that no entry is stamped with an
 * instant that nobody lived through.
 */
export interface SteadyClock {
  now(): Instant
  /** How far the wall clock is off, when that is too far; null when it is not. */
  jumpedBy(): number | null
}

/** `notBefore` is the instant of the log's last entry: time has come that far already. */
export function createSteadyClock(clock: Clock, notBefore: Instant): SteadyClock {
  const boot = clock.bootMillis()
  const start = Math.max(clock.now(), notBefore)

  const read = () => {
    const passed = clock.bootMillis() - boot
    const wall = clock.now()
    const off = wall - (start + passed)
    const jumped = Math.abs(off) > clockToleranceMillis + passed * slewPerMilli
    return { jumped, off, now: (jumped ? start + passed : wall) as Instant }
  }
  return {
    now: () => read().now,
    jumpedBy() {
      const { jumped, off } = read()
      return jumped ? off : null
    },
  }
}
