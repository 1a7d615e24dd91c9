import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Instant } from '@halligan/core'
import { processTerminal, type Terminal } from './terminal.ts'

/** All that a command may touch outside itself. */
export interface Machine {
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fetch: typeof fetch
  now(): Instant
  random(length: number): Uint8Array
  /** Between two looks at something that changes; never to decide. */
  pause(millis: number): Promise<void>
}

export const thisMachine = (): Machine => ({
  terminal: processTerminal(),
  env: process.env,
  fetch,
  now: () => Date.now() as Instant,
  random: (length) => new Uint8Array(randomBytes(length)),
  pause: (millis) => pause(millis),
})
