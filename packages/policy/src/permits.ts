import { isSlug } from '@halligan/core'
import type { Answer, Question } from './cedar.ts'
import {
  type Actor,
  actorEntities,
  entitlementEntities,
  estateUid,
  systemEntities,
  uid,
} from './question.ts'
import type { Rules } from './rule.ts'

/**
 * Acts other than asking for access. `entitlement` is what approve, deny, activate, revoke, review and
 * attest are about, `system` what an incident affects; neither means the estate as a whole.
 */
export type Ask = Readonly<{
  action: Action
  principal: Actor
  entitlement?: string
  system?: string
  context?: ActContext
}>

export type ActContext = Readonly<{
  /** Whether the actor lately changed the policy in force (PO-07). */
  recentPolicyAuthor?: boolean
  /** Of the incident that is opened. */
  severity?: number
}>

export const actions = [
  'approve',
  'deny',
  'activate',
  'revoke',
  'review',
  'attest',
  'open_incident',
  'close_incident',
  'changePolicy',
  'policyWhatIf',
] as const

export type Action = (typeof actions)[number]

export type Permission = Readonly<{ allowed: boolean; reasons: readonly string[] }>

/** Whether the bundle lets `ask.principal` do it. `reasons` says what forbade, or what permitted. */
export function permits(rules: Rules, ask: Ask): Permission {
  const about = resourceOf(rules, ask)
  if (about === null)
    return {
      allowed: false,
      reasons: [`eval_error: no such ${namedIn(ask)} in the estate`],
    }
  if (!wellFormed(ask.principal))
    return { allowed: false, reasons: ['eval_error: not a principal'] }
  return said(
    rules,
    rules.policies.ask({
      ...about,
      principal: uid('Person', ask.principal.person),
      action: uid('Action', ask.action),
      context: { ...ask.context },
      entities: [...actorEntities(ask.principal), ...about.entities],
    }),
  )
}

type About = Pick<Question, 'resource' | 'entities'>

/** Null for a thing that the estate does not hold. */
function resourceOf({ estate }: Rules, { entitlement, system }: Ask): About | null {
  if (entitlement !== undefined) {
    const entities = Object.hasOwn(estate.entitlements, entitlement)
      ? entitlementEntities(estate, entitlement)
      : []
    return entities.length === 0
      ? null
      : { resource: uid('Entitlement', entitlement), entities }
  }
  if (system !== undefined) {
    const entities = Object.hasOwn(estate.systems, system)
      ? systemEntities(estate, system)
      : []
    return entities.length === 0 ? null : { resource: uid('System', system), entities }
  }
  return { resource: estateUid, entities: [] }
}

const namedIn = ({ entitlement, system }: Ask): string =>
  entitlement === undefined ? `system as ${system}` : `entitlement as ${entitlement}`

function said({ policies }: Rules, answer: Answer): Permission {
  const { allowed, determining, errors } = answer
  const reasons = [
    ...errors.map((error) => `eval_error: ${error}`),
    ...determining.map((id) => policies.policies.get(id)?.advice ?? id),
  ]
  return { allowed, reasons: reasons.length === 0 ? ['no policy permits it'] : reasons }
}

const wellFormed = ({ person, groups }: Actor): boolean =>
  isSlug(person) && groups.every(isSlug)
