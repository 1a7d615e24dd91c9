/**
 * What is owed of a target after its grant has ended: proof of absence and, of a shared secret, of rotation. Time makes
 * the debt known; a probe or two people settle it (INV-9).
 *
 * @module
 */
import { floor } from './floor.ts'
import { endedPhases, endingPhases, type Grant, isIn, isSettled } from './grant.ts'
import type { GrantCommand } from './grant-command.ts'
import type { GrantEvent } from './grant-event.ts'
import type { PrincipalId } from './id.ts'
import { type Decided, targetOf, unknownTarget, wrongPhase } from './judging.ts'
import { ok, refuse } from './result.ts'
import { owesRotation } from './target.ts'
import { type Instant, secondsAfter } from './time.ts'

type Of<K extends GrantCommand['kind']> = Extract<GrantCommand, { kind: K }>

export function markOverdue(
  grant: Grant,
  command: Of<'mark_overdue'>,
  now: Instant,
): Decided {
  if (!isIn(grant, ...endingPhases)) return wrongPhase(grant)
  const target = targetOf(grant, command.target)
  if (target === undefined) return unknownTarget(grant)
  if (isSettled(target)) return refuse({ code: 'target_settled' })
  const due = secondsAfter(grant.endedAt, command.sloSeconds)
  if (now < due) return refuse({ code: 'not_due', due })
  return ok(target.overdue ? [] : [{ kind: 'overdue', at: now, target: target.target }])
}

export function markRotationOverdue(
  grant: Grant,
  command: Of<'mark_rotation_overdue'>,
  now: Instant,
): Decided {
  if (!isIn(grant, ...endedPhases)) return wrongPhase(grant)
  const target = targetOf(grant, command.target)
  if (target === undefined) return unknownTarget(grant)
  if (!owesRotation(target)) return refuse({ code: 'target_settled' })
  const due = secondsAfter(grant.endedAt, floor.rotateSloSeconds)
  if (now < due) return refuse({ code: 'not_due', due })
  return ok(
    target.rotationOverdue === null
      ? [{ kind: 'rotation_overdue', at: now, target: target.target }]
      : [],
  )
}

/**
 * The only way out but a probe, and so only once the probes have had their time (PROTOCOL 3.9). What is attested is that
 * the access is gone or, where that was proven, that the secret it used opens nothing any more.
 */
export function attest(
  grant: Grant,
  { by, byKind, target, act }: Of<'attest'>,
  now: Instant,
): Decided {
  if (!isIn(grant, ...endedPhases)) return wrongPhase(grant)
  const state = targetOf(grant, target)
  if (state === undefined) return unknownTarget(grant)
  if (isSettled(state) && !owesRotation(state)) return refuse({ code: 'target_settled' })
  if (byKind !== 'human') return refuse({ code: 'not_human' })
  if (grant.closure.includes(by)) return refuse({ code: 'own_request' })
  if ((isSettled(state) ? state.rotationOverdue : state.overdue) === null)
    return refuse({ code: 'not_overdue' })
  if (state.attestors.includes(by)) return refuse({ code: 'already_attested' })
  const people: readonly PrincipalId[] = [...state.attestors, by]
  const given: GrantEvent = { kind: 'attestation_given', at: now, by, target, act }
  return ok(
    people.length < 2
      ? [given]
      : [given, { kind: 'attested', at: now, target, by: people }],
  )
}
