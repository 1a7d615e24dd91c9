import type { Clock } from '../ports.ts'

/** `burst` calls at once, and `perMinute` in the long run. */
export type Rate = Readonly<{ burst: number; perMinute: number }>

export interface RateCap {
  /** Seconds to wait before the next call of `who`, or 0: it is then counted, as `calls`. */
  take(who: string, calls?: number): number
}

type Bucket = { tokens: number; at: number }

const mostBuckets = 10_000

/**
 * A token bucket for each caller, so that one who floods delays nobody else (RQ-13). It runs on the boot
 * clock: a wall clock that is set back locks nobody out.
 */
export function createRateCap(clock: Clock, { burst, perMinute }: Rate): RateCap {
  const buckets = new Map<string, Bucket>()
  const perMilli = perMinute / 60_000

  const refilled = (bucket: Bucket | undefined, now: number): Bucket =>
    bucket === undefined
      ? { tokens: burst, at: now }
      : { tokens: Math.min(burst, bucket.tokens + (now - bucket.at) * perMilli), at: now }

  /** The one that was first seen longest ago makes room: memory is bounded, whoever calls from where. */
  const makeRoom = (): void => {
    const [oldest] = buckets.keys()
    if (oldest !== undefined) buckets.delete(oldest)
  }

  return {
    take(who, calls = 1) {
      const now = clock.bootMillis()
      if (buckets.size >= mostBuckets && !buckets.has(who)) makeRoom()
      const bucket = refilled(buckets.get(who), now)
      // What costs more than a whole bucket would otherwise never be allowed.
      const cost = Math.min(calls, burst)
      const allowed = bucket.tokens >= cost
      buckets.set(who, allowed ? { ...bucket, tokens: bucket.tokens - cost } : bucket)
      return allowed ? 0 : Math.ceil((cost - bucket.tokens) / perMilli / 1000)
    },
  }
}
