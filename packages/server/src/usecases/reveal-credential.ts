import { isIn, ok, openedPhases, type Result, refuse } from '@halligan/core'
import type { Tx } from '../store/port.ts'
import {
  type ActAnswer,
  type ActInput,
  acceptAct,
  type Effect,
  type Moment,
  type SignedAct,
} from './accept-act.ts'
import { askAbout } from './act-on-grant.ts'
import { changeGrant, effectOf, grantOf } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { resealOrder } from './orders.ts'
import type { Refusal } from './refusal.ts'

/** A lost key: has a new password sealed to a new one. The deadline stays (PROTOCOL 3.7). */
export const revealCredential = (
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, 'reveal', input, {
    asks: (tx, signed) => askAbout(tx, signed, null),
    run: (tx, signed, moment) => reveal(deps, tx, signed, moment),
  })

function reveal(
  deps: Deps,
  tx: Tx,
  { act, digest, envelope }: SignedAct<'reveal'>,
  { now }: Moment,
): Result<Effect, Refusal> {
  const { target, sealTo } = act.body
  const grant = grantOf(tx, act.grant)
  if (!grant.ok) return grant
  const asking = { kind: 'reveal', by: act.by, target, act: envelope } as const
  const asked = changeGrant(deps, tx, grant.value, asking, act.by, now)
  if (!asked.ok) return asked
  const state = isIn(asked.value.grant, ...openedPhases)
    ? asked.value.grant.targets.find((held) => held.target === target)
    : undefined
  if (state === undefined) return refuse({ code: 'unknown_target', targets: [] })
  const order = resealOrder(deps, asked.value.grant, state, sealTo, digest, now)
  const command = { kind: 'order', op: 'reseal', orders: [order] } as const
  const ordered = changeGrant(deps, tx, asked.value.grant, command, 'system', now)
  if (!ordered.ok) return ordered
  const entries = [...asked.value.entries, ...ordered.value.entries]
  return ok(effectOf({ grant: ordered.value.grant, entries }))
}
