import { ok, type Result, refuse } from '@halligan/core'
import type { Connector } from './connectors/port.ts'
import type { Site } from './site.ts'

export type TargetFailed = Readonly<{
  code: 'target_failed'
  reason: string
  /** What was thrown, for those that tell kinds of failure apart. */
  error: unknown
}>

/** For a call that breaks the promise to settle within half a minute: it is given up, and its target's other work goes on. */
export const patienceMillis = 45_000

/**
 * The answer of a target, or that there was none. A failure says nothing about what the target did: callers count the
 * effect as UNKNOWN and try again (INV-10).
 */
export async function askTarget<T>(
  { scheduler }: Pick<Site, 'scheduler'>,
  call: () => Promise<T>,
  patience = patienceMillis,
): Promise<Result<T, TargetFailed>> {
  const givenUp = Promise.withResolvers<never>()
  const cancel = scheduler.after(patience, () =>
    givenUp.reject(new Error(`no answer within ${Math.round(patience / 1000)} s`)),
  )
  try {
    return ok(await Promise.race([call(), givenUp.promise]))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse({ code: 'target_failed', reason, error })
  } finally {
    cancel()
  }
}

/** Calls that have not come back, by what they are about. A connector is one process's: with it they are gone. */
const callsOut = new WeakMap<Connector, Map<string, number>>()

/**
 * As {@link askTarget}, for a call that may make or change access. One that was given up may still take effect: as long as it
 * has not come back, `isOut` says so, nothing like it is begun beside it, and nothing is believed to be absent for good.
 */
export async function askEffect<T>(
  site: Pick<Site, 'scheduler'>,
  connector: Connector,
  about: string,
  call: () => Promise<T>,
  patience = patienceMillis,
): Promise<Result<T, TargetFailed>> {
  if (isOut(connector, about))
    return refuse({ code: 'target_failed', reason: stillOut, error: null })
  const counted = async () => {
    count(connector, about, 1)
    try {
      return await call()
    } finally {
      count(connector, about, -1)
    }
  }
  return askTarget(site, counted, patience)
}

export const stillOut = 'an earlier attempt has not come back from the target'

export const isOut = (connector: Connector, about: string): boolean =>
  (callsOut.get(connector)?.get(about) ?? 0) > 0

function count(connector: Connector, about: string, step: 1 | -1): void {
  const calls = callsOut.get(connector) ?? new Map<string, number>()
  callsOut.set(connector, calls)
  const now = (calls.get(about) ?? 0) + step
  if (now > 0) calls.set(about, now)
  else calls.delete(about)
}
