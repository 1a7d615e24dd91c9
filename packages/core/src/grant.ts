/**
 * The life of a grant: what it is, and what each event makes of it.
 *
 *     requested ─▶ pending ─▶ approved ─▶ active ─┬▶ expired ──┬▶ under_review ─▶ closed
 *                    │           │                ├▶ revoked ──┤
 *                    │           │                └▶ returned ─┘
 *                    └───────────┴─▶ denied, withdrawn, lapsed
 *
 * `expired`, `revoked` and `returned` mean that access is being ended; `under_review`, that every target
 * was probed absent (or attested by two people). The review itself is open from activation.
 *
 * {@link evolve} never judges: it replays. What is lawful is said by `decide`.
 *
 * @module
 */
import type { Finding } from './act.ts'
import type { GrantEvent } from './grant-event.ts'
import type { GrantId, PrincipalId } from './id.ts'
import type { Digest } from './json.ts'
import type { RouteTerms } from './ruling.ts'
import { orderedTarget, reported, type TargetState } from './target.ts'
import type { Terms } from './terms.ts'
import type { Instant } from './time.ts'

type People = readonly PrincipalId[]

type Asked = Readonly<{
  id: GrantId
  drill: boolean
  terms: Terms
  termsDigest: Digest
  /** The requester and everyone who counts as the requester. */
  closure: People
}>

/** The obligation that activation opens and only a person closes (INV-17). */
export type Review = Readonly<{
  openedAt: Instant
  due: Instant
  group: string
  overdue: boolean
}>

type Opened = Readonly<{
  approvers: People
  activatedAt: Instant
  notAfter: Instant
  voidIf: readonly 'incident_closed'[]
  decisionDigest: Digest
  targets: readonly TargetState[]
  review: Review
}>

export type Grant = Asked &
  Readonly<
    | { phase: 'requested' }
    | { phase: 'pending'; until: Instant; route: RouteTerms; approvers: People }
    | { phase: 'approved'; until: Instant; route: RouteTerms; approvers: People }
    | ({ phase: 'active' } & Opened)
    | ({ phase: 'expired' | 'revoked' | 'returned'; endedAt: Instant } & Opened)
    | ({ phase: 'under_review'; endedAt: Instant } & Opened)
    | ({
        phase: 'closed'
        endedAt: Instant
        finding: Finding
        reviewer: PrincipalId
      } & Opened)
    | { phase: 'denied'; by: PrincipalId }
    | { phase: 'withdrawn' }
    | { phase: 'lapsed'; cause: 'timeout' | 'terms_changed' }
  >

export type Phase = Grant['phase']
export type GrantIn<P extends Phase> = Extract<Grant, { phase: P }>
export type OpenedGrant = Extract<Grant, Opened>

/** Phases in which an access may still stand, or stood and is on the books. */
export const openedPhases = [
  'active',
  'expired',
  'revoked',
  'returned',
  'under_review',
  'closed',
] as const satisfies readonly Phase[]

export const endingPhases = [
  'expired',
  'revoked',
  'returned',
] as const satisfies readonly Phase[]

/** Access is being ended, or has ended and nobody has judged it yet. */
export const endedPhases = [
  ...endingPhases,
  'under_review',
] as const satisfies readonly Phase[]

/**
 * Whether the grant opens the door at `now`. The server's only test of access, and it turns false the
 * instant time is up, however late `expired` arrives. Enforcers keep a bound of their own.
 */
export const confersAccess = (grant: Grant, now: Instant): boolean =>
  grant.phase === 'active' && now < grant.notAfter

/** Whether every target was probed absent, refused the order, or was attested by two people. */
export const isSettled = (target: TargetState): boolean =>
  target.attested || target.phase === 'absent' || target.phase === 'refused'

export function isIn<P extends Phase>(
  grant: Grant,
  ...phases: readonly P[]
): grant is GrantIn<P> {
  return (phases as readonly Phase[]).includes(grant.phase)
}

/** Throws if `event` could not have happened to `grant`: the ledger is then corrupt. */
export function evolve(grant: Grant | null, event: GrantEvent): Grant {
  if (event.kind === 'requested') return asked(grant, event)
  if (grant === null) throw new Error(`corrupt ledger: ${event.kind} before requested`)

  switch (event.kind) {
    case 'ruled': {
      mustBeIn(grant, 'requested')
      return {
        ...head(grant),
        phase: 'pending',
        until: event.until,
        route: event.route,
        approvers: [],
      }
    }
    case 'approval_given': {
      const pending = mustBeIn(grant, 'pending')
      return { ...pending, approvers: [...pending.approvers, event.by] }
    }
    case 'approved': {
      const { route, approvers } = mustBeIn(grant, 'pending')
      return { ...head(grant), phase: 'approved', until: event.until, route, approvers }
    }
    case 'denied':
      mustBeIn(grant, 'requested', 'pending', 'approved')
      return { ...head(grant), phase: 'denied', by: event.by }
    case 'withdrawn':
      mustBeIn(grant, 'requested', 'pending', 'approved')
      return { ...head(grant), phase: 'withdrawn' }
    case 'lapsed':
      mustBeIn(grant, 'requested', 'pending', 'approved')
      return { ...head(grant), phase: 'lapsed', cause: event.cause }
    case 'activated':
      return activated(mustBeIn(grant, 'approved'), event)
    case 'revoked':
    case 'returned':
    case 'expired': {
      const active = mustBeIn(grant, 'active')
      return settle({ ...active, phase: event.kind, endedAt: event.at })
    }
    case 'closed': {
      const ended = mustBeIn(grant, 'under_review')
      return { ...ended, phase: 'closed', finding: event.finding, reviewer: event.by }
    }
    case 'superseded': {
      const closed = mustBeIn(grant, 'closed')
      return { ...closed, finding: event.finding, reviewer: event.by }
    }
    default:
      return onTargets(mustBeIn(grant, ...openedPhases), event)
  }
}

type EventOf<K extends GrantEvent['kind']> = Extract<GrantEvent, { kind: K }>

type TargetEvent = EventOf<
  | 'ordered'
  | 'review_opened'
  | 'reveal_asked'
  | 'reported'
  | 'exposed'
  | 'overdue'
  | 'rotation_overdue'
  | 'attestation_given'
  | 'attested'
  | 'review_overdue'
>

function onTargets(grant: OpenedGrant, event: TargetEvent): Grant {
  switch (event.kind) {
    case 'ordered':
      return change(grant, event.target, (target) => ({
        ...target,
        phase: event.op === 'end' && target.phase !== 'absent' ? 'revoking' : target.phase,
        orderDigest: event.op === 'open' ? event.orderDigest : target.orderDigest,
      }))
    case 'review_opened':
      return {
        ...grant,
        review: { openedAt: event.at, due: event.due, group: event.group, overdue: false },
      }
    case 'review_overdue':
      return { ...grant, review: { ...grant.review, overdue: true } }
    case 'reveal_asked':
      return change(grant, event.target, (target) => target)
    case 'reported':
      return settle(
        change(grant, event.target, (target) => reported(target, event.report, event.at)),
      )
    case 'exposed':
      return change(grant, event.target, (target) => ({ ...target, exposure: 'exposed' }))
    case 'overdue':
      return change(grant, event.target, (target) => ({
        ...target,
        overdue: { since: event.at },
      }))
    case 'rotation_overdue':
      return change(grant, event.target, (target) => ({
        ...target,
        rotationOverdue: { since: event.at },
      }))
    case 'attestation_given':
      return change(grant, event.target, (target) => ({
        ...target,
        attestors: [...target.attestors, event.by],
      }))
    case 'attested':
      return settle(
        change(grant, event.target, (target) => ({ ...target, attested: true })),
      )
  }
}

function asked(grant: Grant | null, event: EventOf<'requested'>): Grant {
  if (grant !== null) throw new Error(`corrupt ledger: ${grant.id} was requested twice`)
  const { terms, termsDigest, closure, drill } = event
  return { id: terms.grant, drill, terms, termsDigest, closure, phase: 'requested' }
}

function activated(grant: GrantIn<'approved'>, event: EventOf<'activated'>): Grant {
  return {
    ...head(grant),
    phase: 'active',
    approvers: grant.approvers,
    activatedAt: event.at,
    notAfter: event.notAfter,
    voidIf: event.voidIf,
    decisionDigest: event.decisionDigest,
    targets: grant.terms.targets.map(({ target, enforcer }) =>
      orderedTarget(target, enforcer),
    ),
    review: { openedAt: event.at, due: event.at, group: '', overdue: false },
  }
}

/** An ended grant comes under review the moment its last target is settled. */
function settle(grant: OpenedGrant): Grant {
  if (!isIn(grant, ...endingPhases) || !grant.targets.every(isSettled)) return grant
  return { ...grant, phase: 'under_review' }
}

function change(
  grant: OpenedGrant,
  name: string,
  next: (target: TargetState) => TargetState,
): OpenedGrant {
  if (!grant.targets.some(({ target }) => target === name))
    throw new Error(`corrupt ledger: ${grant.id} has no target ${name}`)
  const targets = grant.targets.map((target) =>
    target.target === name ? next(target) : target,
  )
  return { ...grant, targets }
}

function head({ id, drill, terms, termsDigest, closure }: Asked): Asked {
  return { id, drill, terms, termsDigest, closure }
}

function mustBeIn<P extends Phase>(grant: Grant, ...phases: readonly P[]): GrantIn<P> {
  if (isIn(grant, ...phases)) return grant
  throw new Error(
    `corrupt ledger: ${grant.id} is ${grant.phase}, not ${phases.join(' or ')}`,
  )
}
