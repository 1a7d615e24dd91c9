import { ok } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'
import { noteOf } from './note.ts'

/** Someone permitted ends another's access at once: the end orders are entered with the act. */
export const revokeGrant = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'revoke', input, {
    action: 'revoke',
    opens: ({ act }) => noteOf(act.body),
    command: (_, { act, envelope }) => ok({ kind: 'revoke', by: act.by, act: envelope }),
  })
