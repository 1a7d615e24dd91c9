import type { Brand } from './brand.ts'

/** Milliseconds since the Unix epoch. Core code is always handed one; it never asks. */
export type Instant = Brand<number, 'Instant'>

export const secondsAfter = (start: Instant, seconds: number): Instant =>
  (start + seconds * 1000) as Instant

export const earliest = (...instants: readonly [Instant, ...Instant[]]): Instant =>
  Math.min(...instants) as Instant
