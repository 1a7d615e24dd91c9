import { ok } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'

/** The requester takes the request back, before any access. */
export const withdrawRequest = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'withdraw', input, {
    action: null,
    command: (_, { act, envelope }) => ok({ kind: 'withdraw', by: act.by, act: envelope }),
  })
