import { ok, refuse } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'
import { noteOf } from './note.ts'
import { standingOf } from './standing.ts'

/** Ends a request for good: no approval before or after it counts. */
export const denyRequest = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'deny', input, {
    action: 'deny',
    opens: ({ act }) => noteOf(act.body),
    command: (tx, { act, by, key, envelope }, grant) => {
      if (act.termsDigest !== grant.termsDigest)
        return refuse({ code: 'other_terms', current: grant.termsDigest })
      const policy = deps.inForce.policy(tx)
      if (!policy.ok) return policy
      return ok({
        kind: 'deny',
        by: standingOf(policy.value, by, key),
        termsDigest: act.termsDigest,
        act: envelope,
      })
    },
  })
