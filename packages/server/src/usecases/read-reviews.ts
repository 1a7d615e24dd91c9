import {
  type Commitment,
  type Digest,
  type Grant,
  type GrantId,
  type Instant,
  isIn,
  ok,
  openedPhases,
  type Result,
  refuse,
  secondsAfter,
} from '@halligan/core'
import type { Notice, View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import { evidenceOf } from './evidence.ts'
import type { Refusal } from './refusal.ts'

export type ReviewFile = Readonly<{
  grant: Grant
  /** Everything there is to read. No summary stands in for it (RV-11). */
  evidence: Readonly<{ entries: readonly Digest[]; blobs: readonly Commitment[] }>
  evidenceDigest: Digest
  /** Activations of the entitlement in the last 30 and 90 days, this one among them. */
  uses30: number
  uses90: number
  /** Notices of this grant that reached nobody (RV-13). */
  undelivered: readonly Notice[]
}>

export function readReview(deps: Deps, id: GrantId): Result<ReviewFile, Refusal> {
  const view = deps.view()
  const grant = view.grant(id)
  if (grant === null) return refuse({ code: 'unknown_grant' })
  if (!isIn(grant, ...openedPhases))
    return refuse({ code: 'wrong_phase', phase: grant.phase })
  const { entries, blobs, digest } = evidenceOf(deps.crypto, view, id)
  const { entitlement } = grant.terms
  const now = deps.clock.now()
  const usesIn = (days: number) =>
    view.uses({ entitlement }, secondsAfter(now, -days * 24 * 3600))
  return ok({
    grant,
    evidence: { entries, blobs },
    evidenceDigest: digest,
    uses30: usesIn(30),
    uses90: usesIn(90),
    undelivered: view.notices({ grant: id, undelivered: true }, 500),
  })
}

/** A verdict that follows the same reviewer's last one sooner than this was hardly read for. */
export const hastySeconds = 60

/** How many such verdicts there were since `since`, among the latest 100 closed grants (RV-05). */
export function hastyVerdicts(view: View, since: Instant): number {
  const verdicts = view
    .grants({ phases: ['closed'] }, null, 100)
    .items.flatMap(({ id }) => verdictsOf(view, id, since))
  const ofEach = Map.groupBy(verdicts, ({ reviewer }) => reviewer)
  return [...ofEach.values()].reduce((sum, given) => sum + hastyAmong(given), 0)
}

const verdictsOf = (view: View, id: GrantId, since: Instant) =>
  view
    .entriesOf(`grant/${id}`)
    .filter(
      ({ entry }) =>
        (entry.kind === 'closed' || entry.kind === 'superseded') && entry.at >= since,
    )
    .map(({ entry }) => ({ reviewer: entry.actor, at: entry.at }))

function hastyAmong(given: readonly Readonly<{ at: Instant }>[]): number {
  const times = given.map(({ at }) => at).toSorted((one, other) => one - other)
  return times.filter((at, i) => i > 0 && at - (times[i - 1] ?? 0) < hastySeconds * 1000)
    .length
}
