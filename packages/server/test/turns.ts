import type { LogOptions } from '../src/open-log.ts'
import type { Scheduler } from '../src/ports.ts'
import { type Bench, handScheduler } from './log-kit.ts'

/**
 * The event loop in the test's hand: what was to run `soon` runs at the next turn, once. Time passes with each reading of a
 * clock, so that a check of the log takes one step a turn.
 */
export function byTurns({ options, time }: Bench) {
  const timers = handScheduler()
  let waiting: (() => void)[] = []
  const scheduler: Scheduler = {
    after: timers.scheduler.after,
    soon(run) {
      waiting.push(run)
    },
  }
  const clock: LogOptions['clock'] = {
    now: time.clock.now,
    bootMillis() {
      time.pass(20)
      return time.clock.bootMillis()
    },
  }
  const turn = () => {
    const now = waiting
    waiting = []
    for (const run of now) run()
  }
  return {
    options: { ...options, scheduler, clock },
    fire: timers.fire,
    turn,
    /** As many turns as it takes. Fails when that is very many. */
    until(isSo: () => boolean) {
      for (let n = 0; !isSo(); n++) {
        if (n > 20_000) throw new Error('it never was so')
        turn()
      }
    },
    /** What `promise` becomes, with turns in between. */
    async turning<T>(promise: Promise<T>): Promise<T> {
      let settled = false
      const settle = () => {
        settled = true
      }
      promise.then(settle, settle)
      for (let n = 0; !settled; n++) {
        if (n > 1000) throw new Error('it was never settled')
        turn()
        await new Promise((resolve) => setImmediate(resolve))
      }
      return promise
    },
  }
}
