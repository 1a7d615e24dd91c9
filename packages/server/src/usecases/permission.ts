import { ok, type Principal, type Result, refuse } from '@halligan/core'
import { type Ask, type Estate, entitlementOf, groupsOf } from '@halligan/policy'
import type { View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** One question to the policy: may this principal do `action`, on what. */
export type Asked = Omit<Ask, 'principal'>

/** What is asked about, where the estate has no such thing: a wrong name, and not a missing role. */
function whyUnknown(estate: Estate, { entitlement, system }: Asked): Refusal | null {
  if (entitlement !== undefined && entitlementOf(estate, entitlement) === undefined)
    return { code: 'unknown_entitlement' }
  if (system !== undefined && !Object.hasOwn(estate.systems, system))
    return { code: 'unknown_system', system, systems: Object.keys(estate.systems) }
  return null
}

/** Denied unless a permit of the bundle in force says otherwise. */
export function permitted(
  deps: Deps,
  view: View,
  by: Principal,
  asked: Asked,
): Result<null, Refusal> {
  const policy = deps.inForce.policy(view)
  if (!policy.ok) return policy
  const bundle = policy.value
  const unknown = whyUnknown(bundle.estate, asked)
  if (unknown !== null) return refuse(unknown)
  const { allowed, reasons } = bundle.permits({
    ...asked,
    principal: {
      person: by.person,
      kind: by.kind,
      groups: groupsOf(bundle.estate, by.person),
    },
  })
  return allowed ? ok(null) : refuse({ code: 'not_allowed', action: asked.action, reasons })
}
