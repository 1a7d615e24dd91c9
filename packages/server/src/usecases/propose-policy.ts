import { ok, type PrincipalId, type Result, refuse } from '@halligan/core'
import type { Bundle, BundleFiles } from '@halligan/policy'
import type { Tx } from '../store/port.ts'
import { type ActAnswer, type ActInput, submitAct, verifySigned } from './accept-act.ts'
import { approvalsNeeded, approversOf } from './approve-policy.ts'
import { checkBundle } from './check-bundle.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

export type PolicyInput = ActInput & Readonly<{ bundle: BundleFiles }>

/**
 * Puts a bundle forward. It must load, lint and pass its tests, and others than its author must be
 * enough to approve it, or nothing happens; a bundle that was in force
 * before is a new change like any other, and needs its quorum again (PO-05).
 */
export async function proposePolicy(
  deps: Deps,
  input: PolicyInput,
): Promise<Result<ActAnswer, Refusal>> {
  const signed = verifySigned(deps, 'propose_policy', input)
  if (!signed.ok) return signed
  const checked = checkBundle(deps, input.bundle)
  return await submitAct(deps, signed.value, {
    asks: () => ok([{ action: 'changePolicy' }]),
    run: (tx, { act, envelope }, { now }) => {
      const { bundleDigest } = act.body
      const bundle = signedBundle(checked, bundleDigest)
      if (!bundle.ok) return bundle
      if (tx.bundleInForce() === bundleDigest) return refuse({ code: 'bundle_in_force' })
      const reachable = reachesQuorum(deps, tx, act.by)
      if (!reachable.ok) return reachable
      tx.putBundle(bundleDigest, input.bundle)
      const entry = tx.append({
        at: now,
        kind: 'policy_proposed',
        subject: 'policy',
        actor: act.by,
        bundleDigest,
        act: envelope,
      })
      return ok({ entries: [entry], bundleDigest })
    },
  })
}

/** A proposal that could never be applied is better refused now than found stuck on the day it is needed. */
function reachesQuorum(deps: Deps, tx: Tx, author: PrincipalId): Result<null, Refusal> {
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) return policy
  const eligible = approversOf(deps, tx, author)
  const needed = approvalsNeeded(policy.value)
  if (eligible.length >= needed) return ok(null)
  return refuse({ code: 'cannot_reach_quorum', needed, eligible })
}

function signedBundle(
  checked: Result<Bundle, Refusal>,
  signed: string,
): Result<Bundle, Refusal> {
  if (!checked.ok || checked.value.digest === signed) return checked
  const reason = `the act is over ${signed}, the files are ${checked.value.digest}`
  return refuse({ code: 'bad_bundle', problems: [{ file: '.', line: 0, reason }] })
}
