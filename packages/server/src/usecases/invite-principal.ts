import { ok, type Result, refuse } from '@halligan/core'
import { type ActAnswer, type ActInput, acceptAct } from './accept-act.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/**
 * Lets someone propose a key, once. The code itself never passes the server before it is redeemed, and the
 * key counts only once the trustees put it in a roster.
 */
export const invitePrincipal = (
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, 'invite', input, {
    // A new key for oneself takes no permission: the trustees judge it, as they judge every other.
    asks: (_, { act }) =>
      ok(act.body.person === act.by ? [] : [{ action: 'changePolicy' }]),
    run: (tx, { act, envelope, by }, { now }) => {
      const { person, kind, owner, codeDigest } = act.body
      if (by.kind !== 'human') return refuse({ code: 'not_human' })
      const known = deps.inForce.roster(tx).directory
      if (owner === null ? kind !== 'human' : !known.has(owner))
        return refuse({
          code: 'unknown_principal',
          reason: 'the owner is not in the roster',
        })
      const entry = tx.append({
        at: now,
        kind: 'invited',
        subject: 'roster',
        actor: act.by,
        person,
        principalKind: kind,
        owner,
        codeDigest,
        by: act.by,
        act: envelope,
      })
      return ok({ entries: [entry] })
    },
  })
