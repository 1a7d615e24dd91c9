/**
 * What ending access is against somebody hostile who is inside, whatever the target: a step that waits for their locks is
 * helped by ending their sessions, nobody is gone before two looks found nobody, and all of it is done again until it holds.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'

/** `once` answers what failed. Throws with every reason of the last round; then it is to be called again. */
export async function untilItHolds(
  whose: string,
  roundsAtMost: number,
  once: () => Promise<readonly unknown[]>,
): Promise<void> {
  let failures: readonly unknown[] = []
  for (let round = 1; round <= roundsAtMost; round += 1) {
    failures = await once()
    if (failures.length === 0) return
  }
  const reasons = failures.map(reasonOf).join('; ')
  throw new AggregateError(failures, `${whose} is not ended: ${reasons}`)
}

const reasonOf = (failure: unknown): string =>
  failure instanceof Error ? failure.message : String(failure)

/** Calls `kill` again and again, until what it is to help has settled. */
export type Insist = (kill: () => Promise<unknown>) => Promise<void>

const millisBeforeForce = 150
const millisBetweenForce = 50

/**
 * Awaits `step`. When it does not settle soon, `force` is asked for a way to end the sessions that hold the lock it waits for:
 * the step already queues for that lock, so that no new session can come in between.
 */
export async function whileForcing(
  step: Promise<unknown>,
  force: (insist: Insist) => Promise<void>,
): Promise<void> {
  let settled = false
  const settle = () => {
    settled = true
  }
  const settling = step.then(settle, settle)
  const patience = new AbortController()
  const waiting = pause(millisBeforeForce, undefined, { signal: patience.signal })
  await Promise.race([settling, waiting])
  patience.abort()
  await waiting.catch(() => undefined)
  if (!settled)
    await force(async (kill) => {
      while (!settled) {
        await kill()
        await Promise.race([settling, pause(millisBetweenForce)])
      }
    })
  await step
}

type Pace = Readonly<{ millisAtMost: number; millisBetween: number }>

/**
 * Until two looks, some time apart, find nobody: a session that is just arriving is not seen by the first. `look` answers how
 * many it found. Throws when they are not gone in time.
 */
export async function untilNobody(
  look: () => Promise<number>,
  { millisAtMost, millisBetween }: Pace,
): Promise<void> {
  const deadline = performance.now() + millisAtMost
  for (let emptyLooks = 0; ; ) {
    const found = await look()
    emptyLooks = found === 0 ? emptyLooks + 1 : 0
    if (emptyLooks === 2) return
    if (performance.now() > deadline) throw new Error(`${found} sessions do not end`)
    await pause(millisBetween)
  }
}
