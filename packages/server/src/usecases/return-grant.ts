import { ok } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'

/** The requester is done early. */
export const returnGrant = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'return', input, {
    action: null,
    command: (_, { act, envelope }) => ok({ kind: 'return', by: act.by, act: envelope }),
  })
