import type { Instant } from '@halligan/core'

/** Wall clock in ms, and a boot clock in ms that never steps (CLOCK_BOOTTIME). */
export interface Clock {
  now(): Instant
  bootMillis(): number
}

export interface Random {
  bytes(length: number): Uint8Array
}

/** Wakes; never decides. Callers re-read the clock. Delays over a day are cut to a day (TM-05). */
export interface Scheduler {
  after(millis: number, run: () => void): () => void
  /** As soon as the current I/O is done: `setImmediate`. */
  soon(run: () => void): void
}

/** Outgoing HTTP for webhooks. Follows no redirect; refuses private addresses unless allowed (WB-07). */
export interface Net {
  post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    timeoutMillis: number,
  ): Promise<Readonly<{ status: number }>>
}
