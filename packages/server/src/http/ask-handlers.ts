import { ok, type PrincipalId, type Result, refuse, type Verb } from '@halligan/core'
import { checkAccess } from '../usecases/check-access.ts'
import type { Deps } from '../usecases/deps.ts'
import { prepareAct } from '../usecases/prepare-act.ts'
import type { Handlers, Refused } from './handler.ts'
import type { RateCap } from './rate.ts'

export type AskDeps = Deps &
  Readonly<{
    /** New acts of one principal: each needs a nonce, and each nonce is used once (RQ-13). */
    prepareCap: RateCap
    /** Explanations are dear: they judge each route many times over. */
    checkCap: RateCap
    whatIfCap: RateCap
    /** Who asked what is open to whom (PO-13). */
    logWhatIf(by: PrincipalId, about: PrincipalId): void
  }>

/** What ends access, or keeps it from beginning, is never made to wait (INV-18). */
const neverCapped: readonly Verb[] = [
  'revoke',
  'return',
  'deny',
  'withdraw',
  'close_incident',
]

/** The two questions that come before any act. Neither stores anything. */
export const askHandlers = (deps: AskDeps): Pick<Handlers, 'prepare' | 'check'> => ({
  prepare: async ({ body, caller }) => {
    if (caller.kind !== 'principal') return refuse({ code: 'wrong_role' })
    const free = neverCapped.includes(body.verb)
    const taken = free ? ok(null) : take(deps.prepareCap, caller.principal)
    return taken.ok ? await prepareAct(deps, caller.principal, body) : taken
  },

  /** About oneself always; about somebody else seldom, on the record, and with the policy's leave. */
  check: async ({ body, caller }) => {
    if (caller.kind !== 'principal') return refuse({ code: 'wrong_role' })
    const { principal } = caller
    const { person = principal } = body
    const taken = take(person === principal ? deps.checkCap : deps.whatIfCap, principal)
    if (!taken.ok) return taken
    if (person !== principal) deps.logWhatIf(principal, person)
    return await checkAccess(deps, principal, body)
  },
})

function take(cap: RateCap, who: string): Result<null, Refused> {
  const retryAfter = cap.take(who)
  return retryAfter > 0 ? refuse({ code: 'too_many_requests', retryAfter }) : ok(null)
}
