import { ok, type Principal, type Result, refuse } from '@halligan/core'
import { type Ask, groupsOf } from '@halligan/policy'
import type { View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** One question to the policy: may this principal do `action`, on what. */
export type Asked = Omit<Ask, 'principal'>

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
