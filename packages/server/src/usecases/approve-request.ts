import { ok, refuse } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'
import { recentAuthors } from './policy-authors.ts'
import { standingOf } from './standing.ts'

/** Counts one person's approval of exactly the signed terms towards the quorum. */
export const approveRequest = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'approve', input, {
    action: 'approve',
    command: (tx, { act, by, key, envelope }, grant, { now }) => {
      if (act.termsDigest !== grant.termsDigest)
        return refuse({ code: 'other_terms', current: grant.termsDigest })
      const { directory } = deps.inForce.roster(tx)
      const until = recentAuthors(tx, directory, now).get(act.by)
      if (until !== undefined) return refuse({ code: 'recent_policy_author', until })
      const policy = deps.inForce.policy(tx)
      if (!policy.ok) return policy
      return ok({
        kind: 'approve',
        by: standingOf(policy.value, by, key),
        termsDigest: act.termsDigest,
        act: envelope,
      })
    },
  })
