/**
 * What the passing of time makes due. It is read from the store, so neither restart nor suspend loses any of it
 * (K-10); a timer only says when to look.
 *
 * @module
 */
import {
  endingPhases,
  type Grant,
  type GrantCommand,
  type GrantId,
  type Instant,
  isIn,
  isSettled,
  ok,
  type Result,
  secondsAfter,
} from '@halligan/core'
import type { DueWork, Notice, Tx } from '../store/port.ts'
import { changeGrant } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { openOrderOf } from './open-order.ts'
import type { Refusal } from './refusal.ts'

/** At once; what is left is due still, and comes with the next call. */
const mostAtOnce = 256

/**
 * Does all that is due now, ends before everything else, and returns how much that was. Never rejects because of
 * one piece of work: what fails stays due.
 */
export async function runDueWork(deps: Deps): Promise<number> {
  await tellTally(deps)
  const due = deps.view().due(deps.clock.now(), mostAtOnce)
  const notices = due.filter(({ kind }) => kind === 'notify')
  const entered = due
    .filter(({ kind }) => kind !== 'notify')
    .toSorted((one, other) => urgency(one) - urgency(other))
    .map((work) => enterDue(deps, work))
  await Promise.all(entered)
  await deliverNotices(deps, notices)
  return due.length
}

const urgency = ({ kind }: DueWork): number =>
  ['time_out', 'overdue', 'review_overdue', 'refusal_summary'].indexOf(kind)

const enterDue = (deps: Deps, work: DueWork): Promise<Result<number, Refusal>> =>
  deps.writer.submit<number, Refusal>({
    name: work.kind,
    key: null,
    ending: work.kind === 'time_out' || work.kind === 'overdue',
    run: (tx, now) =>
      work.kind === 'refusal_summary'
        ? summariseRefusals(tx, now)
        : onGrant(deps, tx, work, now),
  })

/** The state is read anew: what was due when it was looked up may be done by now. */
function onGrant(
  deps: Deps,
  tx: Tx,
  { kind, subject }: DueWork,
  now: Instant,
): Result<number, Refusal> {
  const grant = tx.grant(subject as GrantId)
  if (grant === null) return ok(0)
  for (const command of commandsFor(tx, grant, kind)) {
    const current = tx.grant(grant.id) ?? grant
    const changed = changeGrant(deps, tx, current, command, 'system', now)
    if (!changed.ok && changed.error.code !== 'not_due') return changed
  }
  return ok(1)
}

function commandsFor(tx: Tx, grant: Grant, kind: DueWork['kind']): readonly GrantCommand[] {
  if (kind === 'time_out') return [{ kind: 'time_out' }]
  if (kind === 'review_overdue') return [{ kind: 'mark_review_overdue' }]
  if (!isIn(grant, ...endingPhases)) return []
  return grant.targets
    .filter((target) => !isSettled(target) && !target.overdue)
    .map(({ target }) => ({
      kind: 'mark_overdue',
      target,
      sloSeconds: openOrderOf(tx, grant.id, target).revokeSloSeconds,
    }))
}

/** One entry for all that was only counted in the last minute (PROTOCOL 4). */
function summariseRefusals(tx: Tx, now: Instant): Result<number, Refusal> {
  const taken = tx.takeRefusalCounts()
  if (taken === null) return ok(0)
  const { from, counts } = taken
  tx.append({
    at: now,
    kind: 'refusals',
    subject: 'log',
    actor: 'system',
    counts,
    from,
    to: now,
  })
  return ok(1)
}

/** Bounds what one flood can make this write. */
const mostCountedAtOnce = 10_000

async function tellTally({ refusals, writer }: Deps): Promise<void> {
  const counts = refusals.drain()
  if (counts.size === 0) return
  await writer.submit<null, Refusal>({
    name: 'count_refusals',
    key: null,
    run: (tx, now) => {
      for (const [code, count] of counts)
        for (let n = 0; n < Math.min(count, mostCountedAtOnce); n++)
          tx.countRefusal(code, now)
      return ok(null)
    },
  })
}

async function deliverNotices(deps: Deps, due: readonly DueWork[]): Promise<void> {
  if (due.length === 0) return
  const ids = new Set(due.map(({ subject }) => subject))
  const notices = deps
    .view()
    .notices({ undelivered: true }, mostAtOnce)
    .filter(({ id }) => ids.has(id))
  const told = await Promise.all(notices.map((notice) => tell(deps, notice)))
  await deps.writer.submit<null, Refusal>({
    name: 'notices',
    key: null,
    ending: true,
    run: (tx, now) => {
      for (const [i, delivered] of told.entries())
        keepDelivery(tx, notices[i], delivered, now)
      return ok(null)
    },
  })
}

/** A sink that throws is a sink that did not deliver: the notice stays, and is shown as undelivered. */
const tell = async ({ sink }: Deps, notice: Notice): Promise<boolean> =>
  sink === null ? false : await sink.deliver(notice).catch(() => false)

function keepDelivery(
  tx: Tx,
  notice: Notice | undefined,
  delivered: boolean,
  now: Instant,
): void {
  if (notice === undefined) return
  if (delivered) tx.noticeDelivered(notice.id, now)
  else tx.noticeFailed(notice.id, retryAt(now, notice.attempts))
}

/** 5 s, 10 s, 20 s ... at most 5 minutes apart, and without end. */
const retryAt = (now: Instant, attempts: number): Instant =>
  secondsAfter(now, Math.min(300, 5 * 2 ** Math.min(attempts, 6)))
