import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Instant, ok } from '@halligan/core'
import { digestOfBytes, utf8 } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { nodeScheduler } from '../src/node-ports.ts'
import { type LogOptions, openLog, type RunningLog } from '../src/open-log.ts'
import type { Clock, Scheduler } from '../src/ports.ts'
import type { Command } from '../src/store/port.ts'

/** Time that moves when a test says so. */
export function handClock(start = 1_760_000_000_000) {
  let wall = start
  let boot = 0
  const clock: Clock = { now: () => wall as Instant, bootMillis: () => boot }
  return {
    clock,
    pass(millis: number) {
      wall += millis
      boot += millis
    },
    /** The wall clock alone. */
    jump(millis: number) {
      wall += millis
    },
    /** The boot clock alone, as when the wall clock is frozen. */
    freeze(millis: number) {
      boot += millis
    },
  }
}

/** `soon` is real; timers run when the test runs them. */
export function handScheduler() {
  let timers: (() => void)[] = []
  const scheduler: Scheduler = {
    soon: nodeScheduler.soon,
    after(_, run) {
      timers.push(run)
      return () => {
        timers = timers.filter((timer) => timer !== run)
      }
    },
  }
  return {
    scheduler,
    /** Every timer that waits now, once. */
    fire() {
      const now = timers
      timers = []
      for (const run of now) run()
    },
  }
}

export const logSigner = signerFromSeed(new Uint8Array(32).fill(7))
export const origin = 'example.test/log'

export function tempFolder(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'halligan-log-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export type Bench = Readonly<{
  options: LogOptions
  time: ReturnType<typeof handClock>
  timers: ReturnType<typeof handScheduler>
  root: string
}>

/** A folder for the data, an anchor outside it, and time in the test's hand. */
export function benchIn(root: string, data: string): Bench {
  const time = handClock()
  const timers = handScheduler()
  const options: LogOptions = {
    folder: data,
    anchorPath: join(root, 'anchor'),
    origin,
    signer: logSigner,
    crypto: nodeCrypto,
    clock: time.clock,
    scheduler: timers.scheduler,
  }
  return { options, time, timers, root }
}

/** The same in a temporary folder. Call `root.remove` afterwards. */
export function tempBench() {
  const root = tempFolder()
  const data = join(root.folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  return { root, data, bench: benchIn(root.folder, data) }
}

export const keyOf = (name: string) => digestOfBytes(nodeCrypto, utf8(name))

type Refused = { readonly code: string }

/** A command that appends one entry, under a key named like it. */
export function note(name: string, more: Partial<Command<number, Refused>> = {}) {
  const command: Command<number, Refused> = {
    name,
    key: keyOf(name),
    run(tx, now) {
      const { index } = tx.append({
        at: now,
        kind: 'noted',
        subject: 'log',
        actor: 'system',
        name,
      })
      return ok(index)
    },
    ...more,
  }
  return command
}

export async function withLog<T>(
  options: LogOptions,
  work: (log: RunningLog) => Promise<T>,
): Promise<T> {
  const log = await openLog(options)
  try {
    return await work(log)
  } finally {
    await log.close()
  }
}
