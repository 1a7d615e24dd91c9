import type { EndsBacklog, Grant, Phase } from '@halligan/core'
import { isIn, isSettled, openedPhases, owesRotation, secondsAfter } from '@halligan/core'
import type { LogCheck } from '../log-check.ts'
import { hasSinglePageRoute } from '../notify/lane.ts'
import type { SafeMode } from '../safe-mode.ts'
import type { GrantFilter, View } from '../store/port.ts'
import type { Deps } from '../usecases/deps.ts'
import { hastyVerdicts } from '../usecases/read-reviews.ts'
import { endsBacklog } from '../usecases/watch-ends.ts'

export type GaugeDeps = Deps &
  Readonly<{ safeMode: Pick<SafeMode, 'causes'>; check: Pick<LogCheck, 'progress'> }>

/** What somebody on call wants to know: is anything open, is anything stuck, is anything owed. */
export type Gauges = Readonly<{
  waiting: number
  active: number
  ending: number
  overdue: number
  rotationsOverdue: number
  reviewsOpen: number
  reviewsOverdue: number
  reviewsHasty: number
  endsOpen: number
  endsProvenPerMinute: number
  /** Infinite where nothing was proven to tell it from. */
  endsEtaSeconds: number
  noticesUndelivered: number
  dueLateSeconds: number
  safeModeCauses: number
  entries: number
  entriesUnverified: number
}>

const waiting = ['requested', 'pending', 'approved'] as const satisfies readonly Phase[]
const ending = ['expired', 'revoked', 'returned'] as const satisfies readonly Phase[]

/** Counts stop here: past it the number says "many", and a scrape stays cheap. */
const most = 1000

const daySeconds = 24 * 3600

export function readGauges(deps: GaugeDeps, ends = endsBacklog(deps)): Gauges {
  const view = deps.view()
  const active = grantsWith(view, { phases: ['active'] })
  const ended = grantsWith(view, { phases: ending })
  const reviews = grantsWith(view, { reviewOpen: true })
  return {
    waiting: grantsWith(view, { phases: waiting }).length,
    active: active.length,
    ending: ended.length,
    overdue: ended.filter(hasOverdueTarget).length,
    rotationsOverdue: reviews.filter(hasOverdueRotation).length,
    reviewsOpen: reviews.length,
    reviewsOverdue: reviews.filter(isReviewOverdue).length,
    reviewsHasty: hastyVerdicts(view, secondsAfter(deps.clock.now(), -daySeconds)),
    ...endsGauges(ends),
    noticesUndelivered: view.notices({ undelivered: true }, most).length,
    dueLateSeconds: latenessOf(deps),
    safeModeCauses: deps.safeMode.causes().length,
    entries: deps.writer.frontier().head.size,
    entriesUnverified: unverifiedOf(deps),
  }
}

function endsGauges({
  endsOpen,
  provenPerMinute,
  etaSeconds,
}: EndsBacklog): Pick<Gauges, 'endsOpen' | 'endsProvenPerMinute' | 'endsEtaSeconds'> {
  return {
    endsOpen,
    endsProvenPerMinute: provenPerMinute,
    endsEtaSeconds: etaSeconds ?? (endsOpen === 0 ? 0 : Number.POSITIVE_INFINITY),
  }
}

function latenessOf({ view, clock }: GaugeDeps): number {
  const next = view().nextDue()
  return next === null ? 0 : Math.max(0, Math.floor((clock.now() - next) / 1000))
}

function unverifiedOf({ check }: GaugeDeps): number {
  const progress = check.progress()
  return progress === null ? 0 : progress.entries - progress.verified
}

function grantsWith(view: View, filter: GrantFilter): readonly Grant[] {
  return view.grants(filter, null, most).items
}

const hasOverdueTarget = (grant: Grant): boolean =>
  isIn(grant, ...openedPhases) &&
  grant.targets.some((target) => target.overdue !== null && !isSettled(target))

const hasOverdueRotation = (grant: Grant): boolean =>
  isIn(grant, ...openedPhases) &&
  grant.targets.some((target) => target.rotationOverdue !== null && owesRotation(target))

const isReviewOverdue = (grant: Grant): boolean =>
  isIn(grant, ...openedPhases) && grant.review.overdue

const help: Record<keyof Gauges, readonly [name: string, help: string]> = {
  waiting: ['grants_waiting', 'Requests that wait for approval or activation.'],
  active: ['grants_active', 'Grants that confer access.'],
  ending: ['grants_ending', 'Ended grants with a target not yet proven absent.'],
  overdue: ['grants_overdue', 'Ended grants with a target past its revoke SLO.'],
  rotationsOverdue: [
    'rotations_overdue',
    'Ended grants with a shared secret that is not rotated in time.',
  ],
  reviewsOpen: ['reviews_open', 'Reviews that nobody has closed.'],
  reviewsOverdue: ['reviews_overdue', 'Open reviews past their deadline.'],
  reviewsHasty: [
    'reviews_hasty',
    "Verdicts of the last day under a minute after the reviewer's one before.",
  ],
  endsOpen: ['ends_open', 'Targets of ended grants that are not proven absent yet.'],
  endsProvenPerMinute: [
    'ends_proven_per_minute',
    'How many of them were proven absent in the last minute.',
  ],
  endsEtaSeconds: [
    'ends_eta_seconds',
    'Until the last of them is proven, at this rate. +Inf when none was. Over 60, alarm.',
  ],
  noticesUndelivered: ['notices_undelivered', 'Notices that reached nobody yet.'],
  dueLateSeconds: [
    'due_late_seconds',
    'How long the oldest end, alarm or notice has waited to be worked off. Over 10, alarm.',
  ],
  safeModeCauses: ['safe_mode_causes', 'Causes of SAFE MODE that stand. 0 is well.'],
  entries: ['ledger_entries', 'Durable entries below the signed checkpoint.'],
  entriesUnverified: [
    'ledger_entries_unverified',
    'Entries not verified yet since the start. Nothing opens before it is 0.',
  ],
}

/** Prometheus text exposition format, version 0.0.4. */
export const gaugesText = (gauges: Gauges): string =>
  Object.entries(help)
    .map(([key, [name, text]]) => {
      const metric = `halligan_${name}`
      const value = gauges[key as keyof Gauges]
      const shown = value === Number.POSITIVE_INFINITY ? '+Inf' : value
      return `# HELP ${metric} ${text}\n# TYPE ${metric} gauge\n${metric} ${shown}\n`
    })
    .join('')

/** The estate at a glance, for people. */
export function statusOf(deps: GaugeDeps) {
  const { roster, digest } = deps.inForce.roster(deps.view())
  const { head } = deps.writer.frontier()
  const ends = endsBacklog(deps)
  const gauges = readGauges(deps, ends)
  const { waiting, active, ending, overdue, rotationsOverdue } = gauges
  return {
    estate: roster.estate,
    origin: head.origin,
    size: head.size,
    root: head.root,
    serverTime: deps.clock.now(),
    ...safeModeOf(deps),
    rosterVersion: roster.version,
    rosterDigest: digest,
    bundleDigest: deps.view().bundleInForce(),
    grants: { waiting, active, ending, overdue, rotationsOverdue },
    ends,
    reviews: { open: gauges.reviewsOpen, overdue: gauges.reviewsOverdue },
    alerts: alertsOf(deps),
  }
}

/** Causes only: the rest of what they say may name files of this machine. */
export function safeModeOf({ safeMode, check }: Pick<GaugeDeps, 'safeMode' | 'check'>) {
  const progress = check.progress()
  return {
    safeMode: safeMode.causes().map(({ cause }) => cause),
    ...(progress === null ? {} : { logCheck: progress }),
  }
}

/** ALERT_PENDING, route by route. */
function alertsOf(deps: GaugeDeps) {
  const view = deps.view()
  const routes = deps.lanes.map(({ route }) => route)
  return {
    routes: routes.map(({ name, kind, takes }) => ({
      route: name,
      kind,
      takes,
      ...view.waitingOn(name, most),
    })),
    singleRoute: hasSinglePageRoute(routes),
  }
}
