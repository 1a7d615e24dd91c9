import {
  type Commitment,
  type Digest,
  type Grant,
  type GrantId,
  type Instant,
  isIn,
  ok,
  openedPhases,
  type PrincipalId,
  type Result,
  refuse,
  secondsAfter,
} from '@halligan/core'
import type { Notice, Page, View } from '../store/port.ts'
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

export const readReviews = (deps: Deps, after: string | null, limit: number): Page<Grant> =>
  deps.view().grants({ reviewOpen: true }, after, limit)

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

/** How quickly one reviewer's verdicts followed each other. Seconds apart, they were not read (RV-05). */
export type ReviewPace = Readonly<{
  reviewer: PrincipalId
  verdicts: number
  /** Between one verdict and the next; null for a single one. */
  medianSecondsApart: number | null
}>

/** Of the verdicts since `since`, among the latest 1000 closed grants. */
export function reviewPace(view: View, since: Instant): readonly ReviewPace[] {
  const verdicts = Map.groupBy(
    latestClosed(view).flatMap(({ id }) => verdictsOf(view, id, since)),
    ({ reviewer }) => reviewer,
  )
  return [...verdicts].map(([reviewer, given]) => ({
    reviewer,
    verdicts: given.length,
    medianSecondsApart: medianGap(given.map(({ at }) => at)),
  }))
}

const latestClosed = (view: View): readonly Grant[] =>
  view.grants({ phases: ['closed'] }, null, 1000).items

const verdictsOf = (view: View, id: GrantId, since: Instant) =>
  view
    .entriesOf(`grant/${id}`)
    .filter(
      ({ entry }) =>
        (entry.kind === 'closed' || entry.kind === 'superseded') && entry.at >= since,
    )
    .map(({ entry }) => ({ reviewer: entry.actor as PrincipalId, at: entry.at }))

function medianGap(instants: readonly Instant[]): number | null {
  const sorted = instants.toSorted((one, other) => one - other)
  const gaps = sorted
    .slice(1)
    .map((at, i) => (at - (sorted[i] ?? at)) / 1000)
    .sort((one, other) => one - other)
  return gaps[Math.floor((gaps.length - 1) / 2)] ?? null
}
