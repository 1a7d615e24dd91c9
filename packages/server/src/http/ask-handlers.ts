/**
 * The two questions that come before any act: a nonce with what would be signed, and what is open. Neither stores
 * anything.
 *
 * @module
 */
import type { CheckRequest, PrepareRequest } from '@halligan/contract'
import { ok, type PrincipalId, type Result, refuse, type Verb } from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { readIncident } from '../sources/read-incident.ts'
import type { Deps } from '../usecases/deps.ts'
import { deviceKeyStepUp, factsFor, type Scene } from '../usecases/facts.ts'
import { permitted } from '../usecases/permission.ts'
import { type Asking, judgeAccess } from '../usecases/rule-access.ts'
import type { Handlers, Refused } from './handler.ts'
import type { RateCap } from './rate.ts'
import type { Caller } from './session.ts'

export type AskDeps = Deps &
  Readonly<{
    /** New acts of one principal: each needs a nonce, and each nonce is used once (RQ-13). */
    prepareCap: RateCap
    whatIfCap: RateCap
    /** Who asked what is open to whom (PO-13). */
    logWhatIf(by: PrincipalId, about: PrincipalId): void
  }>

type Asks = Pick<Handlers, 'prepare' | 'check'>

/** What ends access, or keeps it from beginning, is never made to wait (INV-18). */
const neverCapped: readonly Verb[] = [
  'revoke',
  'return',
  'deny',
  'withdraw',
  'close_incident',
]

export const askHandlers = (deps: AskDeps): Asks => ({
  prepare: async ({ body, caller }) => {
    if (caller.kind !== 'principal') return refuse({ code: 'wrong_role' })
    const person = caller.principal
    const wait = neverCapped.includes(body.verb) ? 0 : deps.prepareCap.take(person)
    if (wait > 0) return refuse({ code: 'too_many_requests', retryAfter: wait })
    if (body.verb === 'request') return await prepareRequest(deps, person, body)
    return ok({ nonce: nonceFor(deps, person, body) })
  },

  check: async ({ body, caller }) => {
    const about = whoIsAskedAbout(deps, caller, body)
    if (!about.ok) return about
    return await check(deps, about.value, body)
  },
})

/** Resolved before anyone signs: the asker compares the terms with what was asked. */
async function prepareRequest(deps: AskDeps, person: PrincipalId, body: PrepareRequest) {
  const asking = askingIn(body, person)
  if (asking === null)
    return refuse({
      code: 'malformed_request',
      issues: [{ path: '', reason: 'a request names its grant, entitlement and the rest' }],
    })
  const reading = await readIncident(deps.sources, deps.clock, asking.incident)
  const judged = judgeAccess(deps, deps.view(), asking, reading, {
    now: deps.clock.now(),
    ageSeconds: 0,
    explained: true,
  })
  if (!judged.ok) return judged
  const { terms, ruling } = judged.value
  const termsDigest = digestOf(deps.crypto, terms)
  return ok({ nonce: nonceFor(deps, person, { ...body, termsDigest }), terms, ruling })
}

function askingIn(
  {
    grant,
    entitlement,
    incident,
    route,
    lifeSeconds,
    reasonCommitment,
    actsFor,
  }: PrepareRequest,
  requester: PrincipalId,
): Asking | null {
  if (grant === undefined || entitlement === undefined || incident === undefined)
    return null
  if (route === undefined || lifeSeconds === undefined || reasonCommitment === undefined)
    return null
  return {
    grant,
    requester,
    entitlement,
    incident,
    route,
    lifeSeconds,
    reasonCommitment,
    ...(actsFor === undefined ? {} : { actsFor }),
  }
}

const nonceFor = (
  deps: Deps,
  person: PrincipalId,
  { verb, grant, termsDigest }: Pick<PrepareRequest, 'verb' | 'grant' | 'termsDigest'>,
): string =>
  deps.nonces.issue(
    {
      verb,
      grant: grant ?? null,
      termsDigest: termsDigest ?? null,
      person,
      origin: deps.view().head().origin,
    },
    deps.clock.now(),
  )

/** Oneself always; somebody else only with the policy's leave, seldom, and on the record (PO-13). */
function whoIsAskedAbout(
  deps: AskDeps,
  caller: Caller,
  { person }: CheckRequest,
): Result<PrincipalId, Refused> {
  if (caller.kind !== 'principal') return refuse({ code: 'wrong_role' })
  if (person === undefined || person === caller.principal) return ok(caller.principal)
  const { directory } = deps.inForce.roster(deps.view())
  const asker = directory.get(caller.principal)
  if (asker === undefined) return refuse({ code: 'unknown_principal' })
  const wait = deps.whatIfCap.take(caller.principal)
  if (wait > 0) return refuse({ code: 'too_many_requests', retryAfter: wait })
  const allowed = permitted(deps, deps.view(), asker, { action: 'policyWhatIf' })
  if (!allowed.ok) return allowed
  deps.logWhatIf(caller.principal, person)
  return directory.has(person) ? ok(person) : refuse({ code: 'unknown_principal' })
}

/** Asked for when the asker does not say how long. */
const usualLifeSeconds = 900

async function check(deps: Deps, person: PrincipalId, body: CheckRequest) {
  const view = deps.view()
  const policy = deps.inForce.policy(view)
  if (!policy.ok) return policy
  const bundle = policy.value
  const reading = await readIncident(deps.sources, deps.clock, body.incident ?? '')
  const scene: Scene = {
    view,
    bundle,
    inForce: deps.inForce.roster(view),
    now: deps.clock.now(),
  }
  const entitlements = Object.entries(bundle.estate.entitlements).flatMap(([id, about]) => {
    const wanted = body.lifeSeconds ?? usualLifeSeconds
    const ask = {
      grant: null,
      requester: person,
      actsFor: [],
      entitlement: id,
      lifeSeconds: Math.min(wanted, about.maxLifeSeconds),
    }
    const facts = factsFor(scene, ask, reading, deviceKeyStepUp(0))
    if (!facts.ok) return []
    const ruling = bundle.explain(facts.value)
    return [{ entitlement: id, system: about.system, ruling }]
  })
  return ok({ entitlements })
}
