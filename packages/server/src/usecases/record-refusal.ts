import type { Digest, GrantId, Instant, PrincipalId, Verb } from '@halligan/core'
import type { Tx } from '../store/port.ts'

export type RefusedAct = Readonly<{
  code: string
  verb: Verb
  grant: GrantId | null
  actDigest: Digest
  by: PrincipalId
}>

export const refusalsPerMinute = 30

/** One entry for a refused act; or one count, once the principal's minute is full (PROTOCOL 4). */
export function recordRefusal(tx: Tx, { by, ...refused }: RefusedAct, now: Instant): void {
  const subject = `principal/${by}`
  if (tx.takeRefusalEntry(subject, now, refusalsPerMinute))
    tx.append({ at: now, kind: 'refused', subject, actor: by, ...refused })
  else tx.countRefusal(refused.code, now)
}

/** What no enrolled key signed: counted in memory, so that a flood of it never waits on the disk. */
export interface RefusalTally {
  count(code: string): void
  /** The counts since the last drain. */
  drain(): ReadonlyMap<string, number>
}

export function createRefusalTally(): RefusalTally {
  let counts = new Map<string, number>()
  return {
    count(code) {
      counts.set(code, (counts.get(code) ?? 0) + 1)
    },
    drain() {
      const drained = counts
      counts = new Map()
      return drained
    },
  }
}
