import {
  closureOf,
  type Digest,
  type Directory,
  type Instant,
  type PrincipalId,
  secondsAfter,
} from '@halligan/core'
import type { View } from '../store/port.ts'

/** How long the author of an applied policy change neither requests nor approves (PO-07). */
export const authorCoolDownSeconds = 24 * 3600

/** Whoever proposed a bundle that a quorum applied lately, all who count as them, and until when that counts. */
export function recentAuthors(
  view: View,
  directory: Directory,
  now: Instant,
): ReadonlyMap<PrincipalId, Instant> {
  const proposers = new Map<Digest, PrincipalId>()
  const until = new Map<PrincipalId, Instant>()
  for (const { entry } of view.entriesOf('policy')) {
    const digest = entry.bundleDigest as Digest
    if (entry.kind === 'policy_proposed') proposers.set(digest, entry.actor as PrincipalId)
    const author = entry.kind === 'policy_applied' ? proposers.get(digest) : undefined
    const end = secondsAfter(entry.at, authorCoolDownSeconds)
    if (author === undefined || end <= now) continue
    for (const counted of closureOf(directory, author)) until.set(counted, end)
  }
  return until
}
