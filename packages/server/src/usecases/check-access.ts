import {
  type GrantId,
  ok,
  type PrincipalId,
  type Result,
  type Ruling,
} from '@halligan/core'
import { type Entitlement, routesOf } from '@halligan/policy'
import { readIncident } from '../sources/read-incident.ts'
import type { Deps } from './deps.ts'
import { deviceKeyStepUp, factsFor } from './facts.ts'
import { permitted } from './permission.ts'
import type { Refusal } from './refusal.ts'

export type CheckInput = Readonly<{
  incident?: string
  lifeSeconds?: number
  /** Someone else's access, for those whom the policy lets ask (PO-13). */
  person?: PrincipalId
}>

export type CheckAnswer = Readonly<{
  entitlements: readonly Readonly<{
    entitlement: string
    system: string
    ruling: Ruling
  }>[]
}>

/** What would be open now, as if a request were signed at once, and what would open the rest. */
export async function checkAccess(
  deps: Deps,
  asker: PrincipalId,
  input: CheckInput,
): Promise<Result<CheckAnswer, Refusal>> {
  const view = deps.view()
  const now = deps.clock.now()
  const inForce = deps.inForce.roster(view)
  const policy = deps.inForce.policy(view)
  if (!policy.ok) return policy
  const bundle = policy.value
  const requester = input.person ?? asker
  const allowed = mayAsk(deps, asker, requester)
  if (!allowed.ok) return allowed
  const reading = await readIncident(deps.sources, deps.clock, input.incident ?? '')
  const scene = { view, bundle, inForce, now }
  const rulings = Object.entries(bundle.estate.entitlements).flatMap(
    ([id, entitlement]) => {
      const ask = askFor(requester, id, entitlement, input.lifeSeconds)
      const facts = factsFor(scene, ask, reading, deviceKeyStepUp(0))
      if (!facts.ok) return []
      const { system } = entitlement
      return [{ entitlement: id, system, ruling: bundle.explain(facts.value) }]
    },
  )
  return ok({ entitlements: rulings })
}

function mayAsk(deps: Deps, asker: PrincipalId, about: PrincipalId): Result<null, Refusal> {
  const { directory } = deps.inForce.roster(deps.view())
  const by = directory.get(asker)
  if (by === undefined || !directory.has(about))
    return { ok: false, error: { code: 'unknown_principal', reason: 'not in the roster' } }
  return asker === about
    ? ok(null)
    : permitted(deps, deps.view(), by, { action: 'policyWhatIf' })
}

const askFor = (
  requester: PrincipalId,
  id: string,
  entitlement: Entitlement,
  lifeSeconds: number | undefined,
) => ({
  grant: null as GrantId | null,
  requester,
  actsFor: [],
  entitlement: id,
  lifeSeconds:
    lifeSeconds ??
    Math.min(...routesOf(entitlement).map(({ maxLifeSeconds }) => maxLifeSeconds)),
})
