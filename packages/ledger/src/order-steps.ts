/**
 * Steps 5 and 8 to 10 of PROTOCOL 3.6: that the order is what was agreed, and may be carried out here and now.
 *
 * @module
 */
import { type Digest, type Instant, type Json, overlapKeyOf } from '@halligan/core'
import { digestOf } from './digest.ts'
import { payloadTypes, verifyEnvelope } from './envelope.ts'
import type { Claims } from './evidence.ts'
import { issuersNow } from './issuers.ts'
import { parseBeacon } from './statement-shape.ts'
import { type Faults, fault, guardOf, type Judged } from './step.ts'

/** PROTOCOL 5. */
export const maxRoundTripMillis = 5_000
export const maxSkewMillis = 30_000

/** An act reaches the log within its nonce's five minutes; its author's clock may be off by the skew. */
export const maxActAgeMillis = 300_000 + maxSkewMillis
/** And its order reaches the target within `applyBefore`. Later, somebody held it back: see {@link freshness}. */
export const maxActivationAgeMillis = maxActAgeMillis + 120_000

/** 5. All digests match, the order stays within the terms, and it seals to the requester's key. */
export function* digests(judged: Judged): Faults {
  yield* namedDigests(judged)
  yield* decisionWithinTerms(judged.claims)
  yield* orderWithinDecision(judged.claims)
}

function* namedDigests({ crypto, claims }: Judged): Faults {
  const { order, decision, request, activate } = claims
  const made = decision.statement
  if (made === null) return
  const facts =
    decision.leaf === null ? null : digestOf(crypto, decision.entry?.facts ?? null)
  const pairs: readonly (readonly [string, Json | undefined, Digest | null])[] = [
    ['decision.requestAct', made.requestAct, request.digest],
    ['decision.activateAct', made.activateAct, activate.digest],
    ['decision.termsDigest', made.termsDigest, digestOf(crypto, made.terms)],
    ['decision.factsDigest', made.factsDigest, facts],
    ['request.termsDigest', request.statement?.termsDigest, made.termsDigest],
    ['activate.termsDigest', activate.statement?.termsDigest, made.termsDigest],
    ['order.decisionDigest', order.statement?.decisionDigest, decision.digest],
    ['activated.decisionDigest', decision.entry?.decisionDigest ?? null, decision.digest],
    ['ordered.orderDigest', order.entry?.orderDigest ?? null, order.digest],
  ]
  for (const [name, stated, actual] of pairs)
    if (stated !== undefined && actual !== null && stated !== actual)
      yield fault('digest_mismatch', `${name}: ${stated}, not ${actual}`)
  const given = claims.approvals.map(({ digest }) => digest)
  if (!given.includes(null) && given.join() !== made.approvalActs.join())
    yield fault('digest_mismatch', 'decision.approvalActs: not the approvals shown')
}

function* decisionWithinTerms({ decision }: Claims): Faults {
  const made = decision.statement
  if (made === null) return
  if (made.grant !== made.terms.grant)
    yield fault('other_grant', `decision: ${made.grant}, terms: ${made.terms.grant}`)
  if (made.estate !== made.terms.estate)
    yield fault('outside_terms', `decision: ${made.estate}, terms: ${made.terms.estate}`)
  if (made.notAfter - made.issuedAt > made.terms.lifeSeconds * 1000)
    yield fault('outside_terms', 'decision.notAfter: beyond the life in the terms')
}

function* orderWithinDecision({ order, decision, activate }: Claims): Faults {
  const [made, asked, act] = [decision.statement, order.statement, activate.statement]
  if (made === null || asked === null) return
  if (asked.grant !== made.grant)
    yield fault('other_grant', `order: ${asked.grant}, decision: ${made.grant}`)
  if (asked.notAfter > made.notAfter)
    yield fault('outside_terms', 'order.notAfter: after the decision ends')
  const target = made.terms.targets.find((one) => one.target === asked.target)
  if (target === undefined || target.enforcer !== asked.enforcer)
    yield fault('outside_terms', `order.target: ${asked.target} at ${asked.enforcer}`)
  else if (asked.privileges.join('\n') !== target.privileges.join('\n'))
    yield fault('outside_terms', 'order.privileges: not those of the terms')
  if (asked.overlapKey !== overlapKeyOf(asked.target, asked.grant, asked.privileges))
    yield fault('wrong_overlap_key', 'order.overlapKey: does not follow from the order')
  if (act?.verb === 'activate' && act.body.sealTo.x !== asked.sealTo.x)
    yield fault('other_seal_key', 'order.sealTo: not the key in the activate act')
}

/** 8. The enforcer's own guard allows it, whatever any server says. */
export function* guarded(judged: Judged): Faults {
  const { claims, guard } = judged
  const order = claims.order.statement
  const terms = claims.decision.statement?.terms
  if (order === null || terms === undefined || guard === null) return
  if (order.enforcer !== guard.enforcer)
    yield fault('other_enforcer', `order.enforcer: ${order.enforcer}`)
  const enrolled = claims.latest?.enforcers.find(({ id }) => id === guard.enforcer)
  if (claims.latest !== null && !enrolled?.targets.includes(order.target))
    yield fault('target_not_enrolled', `the roster does not give it ${order.target}`)
  const target = guardOf(judged)
  if (target === null) {
    yield fault('target_not_guarded', `no guard for ${order.target}`)
    return
  }
  if (!target.entitlements.includes(terms.entitlement))
    yield fault('entitlement_not_guarded', terms.entitlement)
  for (const privilege of order.privileges)
    if (!target.privileges.includes(privilege))
      yield fault('privilege_not_guarded', privilege)
  if (!Object.hasOwn(target.routes, terms.route.name))
    yield fault('route_not_guarded', terms.route.name)
  if (terms.lifeSeconds > target.maxLifeSeconds)
    yield fault('life_not_guarded', `${terms.lifeSeconds} over ${target.maxLifeSeconds} s`)
}

/** 9. A fresh beacon, clocks that agree, and time left. Every interval is half-open (TM-08). */
export function* time({ crypto, claims, trust, situation }: Judged): Faults {
  const { evidence, latest } = claims
  if (situation === null || latest === null) return
  const { beaconNonce, roundTripMillis, wallNow } = situation
  if (!(roundTripMillis >= 0 && roundTripMillis <= maxRoundTripMillis))
    yield fault('round_trip_too_long', `${roundTripMillis} ms`)
  if (evidence.beacon === null) {
    yield fault('no_beacon', 'no statement of the server time')
    return
  }
  const keys = issuersNow(latest, wallNow)
  const verified = verifyEnvelope(crypto, payloadTypes.beacon, evidence.beacon, keys)
  if (!verified.ok) {
    yield fault(verified.error.code, `beacon: ${verified.error.reason}`)
    return
  }
  const parsed = parseBeacon(verified.value.value)
  if (!parsed.ok) {
    yield fault('malformed_beacon', parsed.error.reason)
    return
  }
  const { nonce, estate, serverTime, checkpoint: told } = parsed.value
  if (nonce !== beaconNonce) yield fault('stale_beacon', 'beacon.nonce: not ours')
  if (estate !== trust.estate) yield fault('other_estate', `beacon: ${estate}`)
  if (told !== evidence.checkpoint)
    yield fault('stale_beacon', 'beacon.checkpoint: another')
  if (Math.abs(serverTime - wallNow) > maxSkewMillis)
    yield fault('clocks_disagree', `server ${serverTime}, here ${wallNow}`)
  const order = claims.order.statement
  if (order === null) return
  if (serverTime >= order.applyBefore)
    yield fault('too_late', `order.applyBefore: ${order.applyBefore}`)
  if (serverTime + roundTripMillis >= order.notAfter)
    yield fault('too_late', `order.notAfter: ${order.notAfter}`)
  yield* freshness(claims, wallNow)
}

/**
 * A server that holds the issuer's key could keep a signed activation and open it months later, after people
 * thought better of it. The requester's own clock bounds that: the act says when it was signed.
 */
function* freshness({ activate }: Claims, wallNow: Instant): Faults {
  const act = activate.statement
  if (act === null) return
  const age = wallNow - act.at
  if (age > maxActivationAgeMillis || age < -maxActAgeMillis)
    yield fault('activation_not_fresh', `activate.at: ${act.at}, here ${wallNow}`)
}

/** 10. Nothing was done for this grant here, and no later order holds the same account. */
export function* localState({ claims, situation }: Judged): Faults {
  if (situation === null) return
  if (situation.localState !== 'none')
    yield fault('already_acted_on', `the local state is ${situation.localState}`)
  const index = claims.order.proof?.index
  if (index !== undefined && situation.fence !== null && index <= situation.fence)
    yield fault('fenced', `order ${index} is not above the fence ${situation.fence}`)
}
