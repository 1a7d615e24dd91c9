/**
 * When access must end by the enforcer's own clocks, needing nobody (PROTOCOL 5). Four clocks are asked and the earliest
 * wins, so a clock that jumps, freezes or is set back can only shorten a life, up to the skew of INV-21.
 *
 * @module
 */
import type { EndingCause, Instant } from '@halligan/core'

/** One reading of the host's clocks. */
export type Clocks = Readonly<{
  /** Changes with every boot of the host. */
  bootId: string
  /** CLOCK_BOOTTIME in ms: counts through suspend and never steps. */
  bootMillis: number
  wall: Instant
  /** Whether the host says that its wall clock is disciplined by a time source. */
  synchronised: boolean
}>

/** What was written down when the order was accepted. */
export type Bound = Readonly<{
  bootId: string
  bootAtAccept: number
  wallAtAccept: Instant
  remainingMillis: number
  notAfter: Instant
}>

/** How far the wall clock may fall behind its own past, and differ from the server's. */
export const skewMillis = 30_000

export const secondsInMillis = 1000

/** What is left of the order's life now, by the server's time and the guard's limit, in whole ms. */
export function remainingMillis(
  from: Readonly<{
    notAfter: Instant
    serverTime: Instant
    /** Since the beacon was asked for: the round trip and the wait after it. */
    sinceAskedMillis: number
    lifeSeconds: number
    guardMaxLifeSeconds: number
  }>,
): number {
  const byOrder = from.notAfter - from.serverTime - from.sinceAskedMillis
  const byLife = Math.min(from.lifeSeconds, from.guardMaxLifeSeconds) * secondsInMillis
  return Math.floor(Math.min(byOrder, byLife))
}

/**
 * Why the access must end now, or null while it may stand. Half-open: at the bound itself it is over (TM-08).
 * `highestWall` is the highest wall clock ever written down by this enforcer.
 */
export function mustEnd(
  bound: Bound,
  clocks: Clocks,
  highestWall: Instant,
): Extract<EndingCause, 'deadline' | 'clock' | 'reboot'> | null {
  if (!(millisLeft(bound, clocks) > 0)) return 'deadline'
  if (!(clocks.wall > highestWall - skewMillis)) return 'clock'
  if (clocks.bootId !== bound.bootId) return clocks.synchronised ? null : 'reboot'
  // The boot clock of one boot cannot go back: a host that says so was restored from a snapshot.
  return clocks.bootMillis < bound.bootAtAccept ? 'clock' : null
}

/** Until the earliest bound that these clocks can see. NaN counts as none left. */
export function millisLeft(bound: Bound, clocks: Clocks): number {
  const byWall = Math.min(bound.notAfter, bound.wallAtAccept + bound.remainingMillis)
  const leftByWall = byWall - clocks.wall
  if (clocks.bootId !== bound.bootId) return leftByWall
  const leftByBoot = bound.bootAtAccept + bound.remainingMillis - clocks.bootMillis
  return Math.min(leftByWall, leftByBoot)
}
