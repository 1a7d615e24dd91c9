import type { Digest, Instant } from '@halligan/core'
import type { Tx } from './store/port.ts'

/** Refusal entries that one principal gets in a minute; more are counted (PROTOCOL 4). */
export const refusalEntriesPerMinute = 30

export type RefusedAct = Readonly<{
  by: string
  code: string
  verb: string
  grant: string | null
  actDigest: Digest
}>

/** One entry for a refused act, or one more in the count, when its author has had enough entries this minute. */
export function recordRefusal(tx: Tx, refused: RefusedAct, now: Instant): void {
  const { by, code, verb, grant, actDigest } = refused
  const subject = `principal/${by}`
  const entered = tx.takeRefusalEntry(subject, now, refusalEntriesPerMinute)
  if (!entered) tx.countRefusal(code, now)
  else
    tx.append({
      at: now,
      kind: 'refused',
      subject,
      actor: by,
      code,
      verb,
      grant,
      actDigest,
    })
}

/** One `refusals` entry for all that was counted since the last one; nothing when nothing was. */
export function summariseRefusals(tx: Tx, now: Instant): void {
  const taken = tx.takeRefusalCounts()
  if (taken === null) return
  const { from, counts } = taken
  tx.append({
    at: now,
    kind: 'refusals',
    subject: 'log',
    actor: 'system',
    from,
    to: now,
    counts,
  })
}
