import {
  type Commitment,
  type Grant,
  type GrantCommand,
  ok,
  type Result,
  refuse,
  type Verb,
} from '@halligan/core'
import type { Action } from '@halligan/policy'
import type { Tx } from '../store/port.ts'
import {
  type ActAnswer,
  type ActInput,
  acceptAct,
  type Moment,
  type SignedAct,
} from './accept-act.ts'
import { changeGrant, effectOf, grantOf } from './change-grant.ts'
import type { Deps } from './deps.ts'
import type { Asked } from './permission.ts'
import type { Refusal } from './refusal.ts'

export type GrantRule<V extends Verb> = Readonly<{
  /** What the policy must permit; null for what only the requester does, which core sees to. */
  action: Action | null
  opens?(signed: SignedAct<V>): readonly Commitment[]
  command(
    tx: Tx,
    signed: SignedAct<V>,
    grant: Grant,
    moment: Moment,
  ): Result<GrantCommand, Refusal>
}>

/** A verb that is one command on one grant. */
export const actOnGrant = <V extends Verb>(
  deps: Deps,
  verb: V,
  input: ActInput,
  rule: GrantRule<V>,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, verb, input, {
    ...(rule.opens === undefined ? {} : { opens: rule.opens }),
    asks: (tx, signed) => askAbout(tx, signed, rule.action),
    run: (tx, signed, moment) => {
      const grant = grantOf(tx, signed.act.grant)
      if (!grant.ok) return grant
      const command = rule.command(tx, signed, grant.value, moment)
      if (!command.ok) return command
      const { by } = signed.act
      const changed = changeGrant(deps, tx, grant.value, command.value, by, moment.now)
      return changed.ok ? ok(effectOf(changed.value)) : changed
    },
  })

/** The floor is told first: that somebody judges their own request is not a matter of policy. */
const judging: readonly Action[] = ['approve', 'deny', 'attest']

/** The grant's entitlement is what the policy is asked about. */
export function askAbout<V extends Verb>(
  tx: Tx,
  { act }: SignedAct<V>,
  action: Action | null,
): Result<readonly Asked[], Refusal> {
  const grant = grantOf(tx, act.grant)
  if (!grant.ok) return grant
  const { closure } = grant.value
  if (action !== null && judging.includes(action) && closure.includes(act.by))
    return refuse({ code: 'own_request' })
  return ok(action === null ? [] : [{ action, entitlement: grant.value.terms.entitlement }])
}
