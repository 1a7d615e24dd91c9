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
  openedPhases,
  owesRotation,
  type Result,
} from '@halligan/core'
import type { DueWork, Tx, View } from '../store/port.ts'
import { changeGrant } from './change-grant.ts'
import { beginDeliveries } from './deliver-notices.ts'
import type { Deps } from './deps.ts'
import { createDuePace } from './due-pace.ts'
import { openOrderOf } from './open-order.ts'
import type { Refusal } from './refusal.ts'
import { createStuckWork, type StuckWork } from './stuck-work.ts'
import { watchEnds } from './watch-ends.ts'

/**
 * `done` says whether anything was achieved, and `faults` what threw. `told` resolves once every route has had its say, which
 * nothing else waits for (INV-25). Never rejects.
 */
export type DueRun = Readonly<{
  done: number
  faults: readonly unknown[]
  told: Promise<void>
}>

/**
 * Does what is due now, ends before everything else. What fails stays due, and stands aside in `stuck` until its next try. Whoever
 * activates meanwhile waits for as much as `pace` lets through and no more (INV-25): the rest is due still, and comes with the next call.
 */
export async function runDueWork(
  deps: Deps,
  stuck = createStuckWork(),
  pace = createDuePace(),
): Promise<DueRun> {
  await tellTally(deps)
  await watchEnds(deps)
  const now = deps.clock.now()
  const due = dueNow(deps.view(), stuck, pace.most(), now)
  const entered = await Promise.allSettled(due.map((work) => enterDue(deps, work)))
  pace.took(due.length, deps.clock.now() - now)
  const isDone = entered.map((one) => one.status === 'fulfilled' && one.value.ok)
  due.forEach((work, i) => {
    if (isDone[i] === true) stuck.done(work)
    else stuck.failed(work, now)
  })
  const { begun, told } = await beginDeliveries(deps)
  return {
    done: isDone.filter(Boolean).length + begun,
    faults: entered.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])),
    told,
  }
}

/** Of each batch: however much else is due, nobody waits long for the page about a target that did not end (INV-9). */
const overdueShare = 1 / 4

function dueNow(
  view: View,
  stuck: StuckWork,
  most: number,
  now: Instant,
): readonly DueWork[] {
  const looked = most + stuck.size()
  const ready = (found: readonly DueWork[]) =>
    found.filter((work) => !stuck.standsAside(work, now))
  const overdue = ready(view.overdue(now, looked)).slice(0, Math.ceil(most * overdueShare))
  const taken = new Set(overdue.map(({ subject }) => subject))
  const others = ready(view.due(now, looked)).filter(
    ({ kind, subject }) => kind !== 'overdue' || !taken.has(subject),
  )
  return [...overdue, ...others]
    .slice(0, most)
    .toSorted((one, other) => urgency(one) - urgency(other))
}

/** What may still stand open comes first. */
const urgency = ({ kind }: DueWork): number =>
  ['time_out', 'overdue', 'rotation_overdue', 'review_overdue', 'refusal_summary'].indexOf(
    kind,
  )

/** What SAFE MODE does not keep waiting. */
const endings: readonly DueWork['kind'][] = ['time_out', 'overdue', 'rotation_overdue']

const enterDue = (deps: Deps, work: DueWork): Promise<Result<number, Refusal>> =>
  deps.writer.submit<number, Refusal>({
    name: work.kind,
    key: null,
    patient: true,
    ending: endings.includes(work.kind),
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
  if (kind === 'rotation_overdue') return overdueRotations(grant)
  if (!isIn(grant, ...endingPhases)) return []
  return grant.targets
    .filter((target) => !isSettled(target) && !target.overdue)
    .map(({ target }) => ({
      kind: 'mark_overdue',
      target,
      sloSeconds: openOrderOf(tx, grant.id, target).revokeSloSeconds,
    }))
}

const overdueRotations = (grant: Grant): readonly GrantCommand[] =>
  isIn(grant, ...openedPhases)
    ? grant.targets
        .filter((target) => owesRotation(target) && target.rotationOverdue === null)
        .map(({ target }) => ({ kind: 'mark_rotation_overdue', target }))
    : []

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
    patient: true,
    run: (tx, now) => {
      for (const [code, count] of counts)
        for (let n = 0; n < Math.min(count, mostCountedAtOnce); n++)
          tx.countRefusal(code, now)
      return ok(null)
    },
  })
}
