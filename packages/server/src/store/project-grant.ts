import type { DatabaseSync } from 'node:sqlite'
import {
  type Envelope,
  endedPhases,
  endingPhases,
  evolve,
  type Facts,
  floor,
  type Grant,
  type GrantEvent,
  type Instant,
  isIn,
  isSettled,
  type Json,
  type OpenedGrant,
  openedPhases,
  owesRotation,
  secondsAfter,
} from '@halligan/core'
import { canonicalText, type Entry } from '@halligan/ledger'
import { payloadOf } from './payload.ts'

/** Handed each entry in log order, once. Throws when the entry could not have happened. */
export type Projector = (index: number, entry: Entry) => void

type DueKind = 'time_out' | 'overdue' | 'rotation_overdue' | 'review_overdue'

/** What a grant is after each of its entries, and what follows from that: open targets and due work. */
export function createGrantProjector(db: DatabaseSync): Projector {
  const read = db.prepare('SELECT state, system FROM grants WHERE id = ?')
  const ask = db.prepare(
    'INSERT INTO grants VALUES (?, ?, ?, ?, ?, NULL, ?, NULL, 0, 0, ?)',
  )
  const write = db.prepare(`
    UPDATE grants SET phase = ?, system = ?, activated_at = ?, review_open = ?,
      review_overdue = ?, state = ? WHERE id = ?`)
  const openTarget = db.prepare('INSERT OR REPLACE INTO open_targets VALUES (?, ?, ?, ?)')
  const readTargets = db.prepare(
    'SELECT target, revoke_slo_seconds AS slo FROM open_targets WHERE grant_id = ?',
  )
  const settleTarget = db.prepare(
    'DELETE FROM open_targets WHERE grant_id = ? AND target = ?',
  )
  const setDue = db.prepare('INSERT OR REPLACE INTO due VALUES (?, ?, ?)')
  const clearDue = db.prepare('DELETE FROM due WHERE kind = ? AND subject = ?')

  return (index, entry) => {
    const id = entry.subject.slice('grant/'.length)
    const row = read.get(id)
    const event = eventIn(entry)
    const before = row === undefined ? null : (JSON.parse(String(row.state)) as Grant)
    const grant = evolve(before, event)
    if (before === null) writeAsked(index, grant)
    else writeGrant(grant, event, row?.system as string | null)
    if (event.kind === 'ordered' && event.op === 'open')
      openTarget.run(id, event.target, event.enforcer, sloOf(event.order))
    if (isIn(grant, ...openedPhases)) settleTargets(grant)
    writeDue(grant)
  }

  function writeAsked(index: number, grant: Grant): void {
    const { id, phase, terms, drill } = grant
    const { requester, entitlement } = terms
    ask.run(id, index, phase, requester, entitlement, Number(drill), stateText(grant))
  }

  function writeGrant(grant: Grant, event: GrantEvent, system: string | null): void {
    const opened = isIn(grant, ...openedPhases) ? grant : null
    write.run(
      grant.phase,
      event.kind === 'ruled' ? (event.facts as Facts).system : system,
      opened?.activatedAt ?? null,
      Number(opened !== null && opened.phase !== 'closed'),
      Number(opened?.review.overdue ?? false),
      stateText(grant),
      grant.id,
    )
  }

  function settleTargets(grant: OpenedGrant): void {
    for (const target of grant.targets)
      if (isSettled(target)) settleTarget.run(grant.id, target.target)
  }

  function writeDue(grant: Grant): void {
    const due: Record<DueKind, Instant | null> = {
      time_out: timeOutOf(grant),
      overdue: overdueOf(grant),
      rotation_overdue: rotationOverdueOf(grant),
      review_overdue: reviewOverdueOf(grant),
    }
    for (const [kind, at] of Object.entries(due))
      if (at === null) clearDue.run(kind, grant.id)
      else setDue.run(kind, grant.id, at)
  }

  /** When the first target that is neither settled nor known to be overdue has had its time to be ended. */
  function overdueOf(grant: Grant): Instant | null {
    if (!isIn(grant, ...endingPhases)) return null
    const slos = new Map(readTargets.all(grant.id).map(({ target, slo }) => [target, slo]))
    const waiting = grant.targets.filter((target) => !isSettled(target) && !target.overdue)
    if (waiting.length === 0) return null
    const seconds = waiting.map(({ target }) =>
      Number(slos.get(target) ?? floor.revokeSloSeconds),
    )
    return secondsAfter(grant.endedAt, Math.min(...seconds))
  }
}

function timeOutOf(grant: Grant): Instant | null {
  if (isIn(grant, 'pending', 'approved')) return grant.until
  return grant.phase === 'active' ? grant.notAfter : null
}

/** When a shared secret that left the house, and is not known to be overdue, had its time to become another. */
function rotationOverdueOf(grant: Grant): Instant | null {
  if (!isIn(grant, ...endedPhases)) return null
  const owed = grant.targets.some(
    (target) => owesRotation(target) && target.rotationOverdue === null,
  )
  return owed ? secondsAfter(grant.endedAt, floor.rotateSloSeconds) : null
}

function reviewOverdueOf(grant: Grant): Instant | null {
  if (!isIn(grant, ...openedPhases) || grant.phase === 'closed') return null
  return grant.review.overdue ? null : grant.review.due
}

function sloOf(order: Envelope): number {
  const { revokeSloSeconds } = payloadOf(order) as { revokeSloSeconds?: number }
  return revokeSloSeconds ?? floor.revokeSloSeconds
}

const stateText = (grant: Grant): string => canonicalText(grant as unknown as Json)

/** An entry of a grant is its event, flattened beside the entry's own members. */
function eventIn(entry: Entry): GrantEvent {
  if (!kinds.has(entry.kind))
    throw new Error(`corrupt ledger: ${entry.kind} is no event of a grant`)
  return entry as unknown as GrantEvent
}

const kinds: ReadonlySet<string> = new Set<GrantEvent['kind']>([
  'requested',
  'ruled',
  'approval_given',
  'approved',
  'denied',
  'withdrawn',
  'lapsed',
  'activated',
  'ordered',
  'review_opened',
  'reveal_asked',
  'reported',
  'exposed',
  'revoked',
  'returned',
  'expired',
  'overdue',
  'rotation_overdue',
  'attestation_given',
  'attested',
  'review_overdue',
  'closed',
  'superseded',
])
