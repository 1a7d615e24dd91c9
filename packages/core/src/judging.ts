import type { Grant, OpenedGrant } from './grant.ts'
import type { GrantEvent } from './grant-event.ts'
import type { GrantRefusal } from './refusal.ts'
import { type Result, refuse } from './result.ts'
import type { TargetState } from './target.ts'
import type { Instant } from './time.ts'

export type Decided = Result<readonly GrantEvent[], GrantRefusal>

export const targetOf = (grant: OpenedGrant, name: string): TargetState | undefined =>
  grant.targets.find(({ target }) => target === name)

export const unknownTarget = (grant: OpenedGrant) =>
  refuse({
    code: 'unknown_target',
    targets: grant.targets.map(({ target }) => target),
  } as const)

export const wrongPhase = ({ phase }: Grant) =>
  refuse({ code: 'wrong_phase', phase } as const)
export const tooLate = (deadline: Instant) =>
  refuse({ code: 'too_late', deadline } as const)
