import { ok, type Result, refuse } from '@halligan/core'

export type TargetFailed = Readonly<{ code: 'target_failed'; reason: string }>

/**
 * The answer of a target, or that there was none. A failure says nothing about what the target did: callers count the
 * effect as UNKNOWN and try again (INV-10).
 */
export async function askTarget<T>(
  call: () => Promise<T>,
): Promise<Result<T, TargetFailed>> {
  try {
    return ok(await call())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse({ code: 'target_failed', reason })
  }
}
