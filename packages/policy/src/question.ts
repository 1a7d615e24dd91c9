/**
 * Facts as Cedar reads them. The shapes here are the contract with every bundle's schema.
 *
 * @module
 */

import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Facts, PrincipalKind, RouteTerms } from '@halligan/core'
import type { Question, Uid } from './cedar.ts'
import type { Entitlement, Estate, System } from './estate.ts'

/** Whoever acts, with the groups that hold now. */
export type Actor = Readonly<{
  person: string
  kind: PrincipalKind
  groups: readonly string[]
}>

export const uid = (type: string, id: string): Uid => ({ type, id })

const reference = (type: string, id: string) => ({ __entity: uid(type, id) })

/** Of no incident that was ever opened. */
export const mildest = 9

/** The whole estate as one resource: for asks about no system in particular. */
export const estateUid = uid('Estate', 'estate')

export function breakGlass(estate: Estate, route: RouteTerms, facts: Facts): Question {
  return {
    principal: uid('Person', facts.requester.person),
    action: uid('Action', 'breakGlass'),
    resource: uid('Entitlement', facts.entitlement),
    context: contextOf(route, facts),
    entities: [
      ...actorEntities(facts.requester),
      ...entitlementEntities(estate, facts.entitlement),
    ],
  }
}

function contextOf(route: RouteTerms, facts: Facts): Question['context'] {
  const { name, approvals, maxLifeSeconds, approvalSeconds, activationSeconds } = route
  return {
    route: {
      name,
      approvals,
      maxLifeSeconds,
      approvalSeconds,
      activationSeconds,
      reviewSeconds: route.reviewSeconds,
    },
    lifeSeconds: facts.lifeSeconds,
    onCall: facts.requester.onCallFor.includes(facts.system),
    incident: incidentOf(facts),
    time: { ...facts.time },
    stepUp: { ...facts.stepUp },
    reviews: { ...facts.reviews },
    uses: { ...facts.uses },
    activeOrPending: { ...facts.activeOrPending },
    ownerKnown: facts.ownerKnown,
    approversEligible: facts.approversEligible,
    recentPolicyAuthor: facts.recentPolicyAuthor,
  }
}

/** Where no incident is open, its severity is the mildest: a policy that forgets to ask denies. */
const incidentOf = ({ incident }: Facts): Facts['incident'] =>
  incident.known && incident.open && incident.affectsSystem
    ? incident
    : { ...incident, severity: mildest, ageSeconds: 0 }

export const actorEntities = (actor: Actor): readonly EntityJson[] => [
  {
    uid: uid('Person', actor.person),
    attrs: { kind: actor.kind },
    parents: actor.groups.map((group) => uid('Group', group)),
  },
]

export function entitlementEntities(estate: Estate, id: string): readonly EntityJson[] {
  const entitlement = estate.entitlements[id]
  if (entitlement === undefined) return []
  return [entitlementEntity(id, entitlement), ...systemEntities(estate, entitlement.system)]
}

export function systemEntities(estate: Estate, id: string): readonly EntityJson[] {
  const system = estate.systems[id]
  return system === undefined ? [] : [systemEntity(id, system)]
}

const entitlementEntity = (id: string, entitlement: Entitlement): EntityJson => ({
  uid: uid('Entitlement', id),
  attrs: {
    system: reference('System', entitlement.system),
    maxLifeSeconds: entitlement.maxLifeSeconds,
    unendable: entitlement.unendable ?? false,
    approvers: [
      ...new Set(Object.values(entitlement.routes).flatMap(({ groups }) => groups)),
    ].map((group) => reference('Group', group)),
  },
  parents: [uid('System', entitlement.system)],
})

const systemEntity = (id: string, system: System): EntityJson => ({
  uid: uid('System', id),
  attrs: {
    tier: system.tier,
    zone: system.zone,
    meta: system.meta ?? false,
    owners: system.owners.map((owner) => reference('Person', owner)),
    reviewers: reference('Group', system.reviewers),
  },
  parents: [],
})
