/**
 * What is lawful, and what it makes happen. Pure: handed the grant, the command and the time, it
 * returns events or a refusal. The hard floor is here and in `floor.ts`; policy only adds to it.
 *
 * @module
 */
import { floor, isDrill } from './floor.ts'
import {
  type Grant,
  type GrantIn,
  isIn,
  isSettled,
  type OpenedGrant,
  openedPhases,
} from './grant.ts'
import type {
  Activation,
  GrantCommand,
  Request,
  Revalidation,
  Standing,
  Verdict,
} from './grant-command.ts'
import type { GrantEvent } from './grant-event.ts'
import { type Decided, targetOf, tooLate, unknownTarget, wrongPhase } from './judging.ts'
import { attest, markOverdue, markRotationOverdue } from './obligation.ts'
import { isShown, type ReceiptDetail } from './receipt.ts'
import type { GrantRefusal } from './refusal.ts'
import { ok, type Result, refuse } from './result.ts'
import type { RouteTerms } from './ruling.ts'
import { reported, type TargetState } from './target.ts'
import { type Instant, secondsAfter } from './time.ts'

/** A request opens a grant when its route is open; a closed route leaves no grant behind. */
export function decideRequest(request: Request, now: Instant): Decided {
  const { terms, termsDigest, closure, act, ruling } = request
  const route = ruling.open.find(({ name }) => name === terms.route.name)
  if (route === undefined) return refuse({ code: 'route_closed', closed: ruling.closed })
  const until = secondsAfter(now, Math.min(route.approvalSeconds, floor.maxApprovalSeconds))
  return ok([
    { kind: 'requested', at: now, drill: isDrill(terms), terms, termsDigest, closure, act },
    {
      kind: 'ruled',
      at: now,
      bundleDigest: ruling.bundleDigest,
      engine: ruling.engine,
      facts: ruling.facts,
      factsAsOf: ruling.facts.asOf,
      route,
      open: ruling.open.map(({ name }) => name),
      closed: ruling.closed,
      until,
    },
    ...approvedOnceEnough(route, 0, now),
  ])
}

export function decide(grant: Grant, command: GrantCommand, now: Instant): Decided {
  switch (command.kind) {
    case 'approve':
      return approve(grant, command, now)
    case 'deny':
      return deny(grant, command, now)
    case 'withdraw':
      if (!isIn(grant, 'requested', 'pending', 'approved')) return wrongPhase(grant)
      if (command.by !== grant.terms.requester) return refuse({ code: 'not_requester' })
      return ok([{ kind: 'withdrawn', at: now, by: command.by, act: command.act }])
    case 'activate':
      return activate(grant, command, now)
    case 'void':
      if (!isIn(grant, 'pending', 'approved')) return wrongPhase(grant)
      return ok([{ kind: 'lapsed', at: now, cause: 'terms_changed' }])
    case 'revoke':
      if (!isIn(grant, 'active')) return wrongPhase(grant)
      return ok([
        { kind: 'revoked', at: now, cause: 'revoked', by: command.by, act: command.act },
      ])
    case 'return':
      if (!isIn(grant, 'active')) return wrongPhase(grant)
      if (command.by !== grant.terms.requester) return refuse({ code: 'not_requester' })
      return ok([
        { kind: 'returned', at: now, cause: 'returned', by: command.by, act: command.act },
      ])
    case 'close_incident':
      if (!isIn(grant, 'active')) return wrongPhase(grant)
      return ok([
        { kind: 'revoked', at: now, cause: 'incident_closed', by: null, act: null },
      ])
    case 'time_out':
      return timeOut(grant, now)
    case 'order':
      if (!isIn(grant, ...openedPhases)) return wrongPhase(grant)
      return ok(
        command.orders.map((issued) => ({
          kind: 'ordered',
          at: now,
          op: command.op,
          ...issued,
        })),
      )
    case 'reveal':
      return reveal(grant, command, now)
    case 'report':
      return report(grant, command, now)
    case 'mark_overdue':
      return markOverdue(grant, command, now)
    case 'mark_rotation_overdue':
      return markRotationOverdue(grant, command, now)
    case 'mark_review_overdue':
      if (!isIn(grant, ...openedPhases) || grant.phase === 'closed')
        return wrongPhase(grant)
      if (now < grant.review.due) return refuse({ code: 'not_due', due: grant.review.due })
      return ok(grant.review.overdue ? [] : [{ kind: 'review_overdue', at: now }])
    case 'attest':
      return attest(grant, command, now)
    case 'review':
      return review(grant, command, now)
  }
}

/**
 * Whether `grant` may be activated now, everything judged again; and until when it would confer access.
 * The issuer signs the decision with this instant before {@link decide} enters it.
 */
export function judgeActivation(
  grant: Grant,
  again: Revalidation,
  now: Instant,
): Result<{ readonly notAfter: Instant; readonly route: RouteTerms }, GrantRefusal> {
  if (!isIn(grant, 'approved')) return wrongPhase(grant)
  if (now >= grant.until) return tooLate(grant.until)
  if (again.by !== grant.terms.requester) return refuse({ code: 'not_requester' })
  if (again.termsDigest !== grant.termsDigest) return refuse({ code: 'terms_changed' })
  const route = again.ruling.open.find(({ name }) => name === grant.terms.route.name)
  if (route === undefined)
    return refuse({ code: 'route_closed', closed: again.ruling.closed })
  const needed = Math.max(
    route.approvals,
    grant.route.approvals,
    grant.terms.route.approvals,
  )
  const standing = again.approvers.filter(
    (approver) =>
      grant.approvers.includes(approver.person) &&
      whyNotApprover(grant, approver, now) === null,
  )
  const approvals = new Set(standing.map(({ person }) => person)).size
  if (approvals < needed) return refuse({ code: 'quorum_lost', approvals, needed })
  const life = Math.min(grant.terms.lifeSeconds, route.maxLifeSeconds, floor.maxLifeSeconds)
  return ok({ notAfter: secondsAfter(now, life), route })
}

function activate(grant: Grant, command: Activation, now: Instant): Decided {
  const judged = judgeActivation(grant, command, now)
  if (!judged.ok) return judged
  const { ruling, act, decision, decisionDigest, voidIf, orders, reviewGroup } = command
  const { notAfter, route } = judged.value
  const { bundleDigest, engine, facts } = ruling
  const due = secondsAfter(notAfter, Math.min(route.reviewSeconds, floor.maxReviewSeconds))
  return ok([
    {
      kind: 'activated',
      at: now,
      act,
      decision,
      decisionDigest,
      bundleDigest,
      engine,
      facts,
      notAfter,
      voidIf,
    },
    ...orders.map(
      (issued) => ({ kind: 'ordered', at: now, op: 'open', ...issued }) as const,
    ),
    { kind: 'review_opened', at: now, due, group: reviewGroup },
  ])
}

type Of<K extends GrantCommand['kind']> = Extract<GrantCommand, { kind: K }>

function approve(
  grant: Grant,
  { by, termsDigest, act }: Of<'approve'>,
  now: Instant,
): Decided {
  if (!isIn(grant, 'pending')) return wrongPhase(grant)
  if (now >= grant.until) return tooLate(grant.until)
  if (termsDigest !== grant.termsDigest)
    return refuse({ code: 'other_terms', current: grant.termsDigest })
  if (grant.approvers.includes(by.person)) return refuse({ code: 'already_approved' })
  const why = whyNotApprover(grant, by, now)
  if (why !== null) return refuse(why)
  return ok([
    { kind: 'approval_given', at: now, by: by.person, act },
    ...approvedOnceEnough(grant.route, grant.approvers.length + 1, now),
  ])
}

/** A deny wins over any later approve: the phase it leads to is final. */
function deny(grant: Grant, { by, termsDigest, act }: Of<'deny'>, now: Instant): Decided {
  if (!isIn(grant, 'requested', 'pending', 'approved')) return wrongPhase(grant)
  if (termsDigest !== grant.termsDigest)
    return refuse({ code: 'other_terms', current: grant.termsDigest })
  if (grant.closure.includes(by.person)) return refuse({ code: 'own_request' })
  if (by.kind !== 'human') return refuse({ code: 'not_human' })
  return ok([{ kind: 'denied', at: now, by: by.person, act }])
}

/** The one rule of who counts as an approver, at approval and again at activation (INV-4). */
function whyNotApprover(
  grant: GrantIn<'pending' | 'approved'>,
  by: Standing,
  now: Instant,
): GrantRefusal | null {
  if (grant.closure.includes(by.person)) return { code: 'own_request' }
  if (by.kind !== 'human') return { code: 'not_human' }
  if (!grant.route.groups.some((group) => by.groups.includes(group)))
    return { code: 'not_an_approver', groups: grant.route.groups }
  if (now < by.approvesFrom) return { code: 'key_cooling_down', from: by.approvesFrom }
  return null
}

/** The grant is approved in the same transaction as the approval that completes it. */
function approvedOnceEnough(
  route: RouteTerms,
  approvals: number,
  now: Instant,
): readonly GrantEvent[] {
  if (approvals < route.approvals) return []
  const seconds = Math.min(route.activationSeconds, floor.maxActivationSeconds)
  return [{ kind: 'approved', at: now, until: secondsAfter(now, seconds) }]
}

function timeOut(grant: Grant, now: Instant): Decided {
  if (isIn(grant, 'pending', 'approved')) {
    if (now < grant.until) return refuse({ code: 'not_due', due: grant.until })
    return ok([{ kind: 'lapsed', at: now, cause: 'timeout' }])
  }
  if (!isIn(grant, 'active')) return wrongPhase(grant)
  if (now < grant.notAfter) return refuse({ code: 'not_due', due: grant.notAfter })
  return ok([{ kind: 'expired', at: now }])
}

function reveal(grant: Grant, { by, target, act }: Of<'reveal'>, now: Instant): Decided {
  if (!isIn(grant, 'active')) return wrongPhase(grant)
  if (now >= grant.notAfter) return tooLate(grant.notAfter)
  if (by !== grant.terms.requester) return refuse({ code: 'not_requester' })
  if (targetOf(grant, target) === undefined) return unknownTarget(grant)
  return ok([{ kind: 'reveal_asked', at: now, by, target, act }])
}

function report(grant: Grant, command: Of<'report'>, now: Instant): Decided {
  if (!isIn(grant, ...openedPhases)) return wrongPhase(grant)
  const { target, enforcer, report, receipt, receiptDigest } = command
  const before = targetOf(grant, target)
  if (before === undefined || before.enforcer !== enforcer) return unknownTarget(grant)
  if (!isShown(report)) return refuse({ code: 'target_not_absent', targets: [target] })
  const told: GrantEvent = {
    kind: 'reported',
    at: now,
    target,
    enforcer,
    report,
    receipt,
    receiptDigest,
  }
  return ok([
    told,
    ...exposure(report, target, now),
    ...endedByReport(grant, before, report, now),
  ])
}

/** The sealed credential can be fetched only once this entry is below the frontier (INV-2). */
function exposure(
  report: ReceiptDetail,
  target: string,
  now: Instant,
): readonly GrantEvent[] {
  if (report.kind !== 'applied') return []
  const { revealId, sealedDigest } = report
  return [{ kind: 'exposed', at: now, target, revealId, sealedDigest }]
}

/** A grant that no enforcer confers any more is over, whether it was refused everywhere or ended locally. */
function endedByReport(
  grant: OpenedGrant,
  before: TargetState,
  report: ReceiptDetail,
  now: Instant,
): readonly GrantEvent[] {
  if (grant.phase !== 'active') return []
  const after = grant.targets.map((target) =>
    target === before ? reported(target, report, now) : target,
  )
  if (after.every(({ phase }) => phase === 'refused'))
    return [{ kind: 'returned', at: now, cause: 'all_refused', by: null, act: null }]
  const over = after.every((target) => target.phase === 'revoking' || isSettled(target))
  if (!over || now >= grant.notAfter) return []
  // The enforcer's bound leaves out the round trip, so its deadline comes a moment before the server's.
  if (report.kind === 'ending' && report.cause === 'deadline')
    return [{ kind: 'expired', at: now }]
  return [{ kind: 'revoked', at: now, cause: 'ended_locally', by: null, act: null }]
}

function review(grant: Grant, verdict: Verdict, now: Instant): Decided {
  const { by, reviewerKind, finding, evidenceDigest, followUps, noteCommitment, act } =
    verdict
  if (!isIn(grant, ...openedPhases)) return wrongPhase(grant)
  if (reviewerKind !== 'human') return refuse({ code: 'not_human' })
  if (grant.closure.includes(by) || grant.approvers.includes(by))
    return refuse({ code: 'reviewer_not_independent' })
  const standing = grant.targets
    .filter((target) => !isSettled(target))
    .map(({ target }) => target)
  if (standing.length > 0) return refuse({ code: 'target_not_absent', targets: standing })
  const exposed = grant.targets.filter(
    (target) => target.exposure === 'exposed' && !target.attested,
  )
  if (exposed.length > 0)
    return refuse({
      code: 'secret_not_rotated',
      targets: exposed.map(({ target }) => target),
    })
  if (!isIn(grant, 'under_review', 'closed')) return wrongPhase(grant)
  if (evidenceDigest !== verdict.currentEvidence)
    return refuse({ code: 'new_evidence', current: verdict.currentEvidence })
  const kind = grant.phase === 'closed' ? 'superseded' : 'closed'
  return ok([
    { kind, at: now, by, finding, evidenceDigest, followUps, noteCommitment, act },
  ])
}
