import { ok, refuse } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'

/**
 * A person vouches that a target which cannot be probed holds no access any more. Two such acts by
 * two people settle it, shown as `attested` and never as absent (PROTOCOL 3.9).
 */
export const attestAbsence = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'attest', input, {
    action: 'attest',
    opens: ({ act }) => [act.body.noteCommitment],
    command: (_, { act, by, key, envelope }, __, { now }) => {
      const { approvesFrom } = key
      if (now < approvesFrom)
        return refuse({ code: 'key_cooling_down', from: approvesFrom })
      const { target } = act.body
      return ok({ kind: 'attest', by: act.by, byKind: by.kind, target, act: envelope })
    },
  })
