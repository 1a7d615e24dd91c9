import {
  type Activation,
  type Decision,
  decide,
  type Grant,
  type Instant,
  judgeActivation,
  ok,
  type Result,
  type Revalidation,
  refuse,
} from '@halligan/core'
import {
  digestOf,
  maxActAgeMillis,
  payloadDigest,
  payloadTypes,
  sealEnvelope,
} from '@halligan/ledger'
import { reviewersOf } from '@halligan/policy'
import { type IncidentReading, readIncident } from '../sources/read-incident.ts'
import type { Tx } from '../store/port.ts'
import {
  type ActAnswer,
  type ActInput,
  type Effect,
  type Moment,
  type SignedAct,
  submitAct,
  verifySigned,
} from './accept-act.ts'
import { askAbout } from './act-on-grant.ts'
import { effectOf, enterEvents, grantOf } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { openOrders } from './orders.ts'
import type { Refusal } from './refusal.ts'
import { askingOf, explainClosed, type Judged, judgeAccess } from './rule-access.ts'
import { approvalsOf, approversNow, type GivenApproval, requestActOf } from './standing.ts'

/**
 * Opens the access. Everything is judged again: terms, ruling, every approver. The decision, its orders
 * and the review are entered in one transaction or not at all (INV-3, K-05).
 */
export async function activateGrant(
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> {
  const signed = verifySigned(deps, 'activate', input)
  if (!signed.ok) return signed
  const { grant: id } = signed.value.act
  const grant = id === undefined ? null : deps.view().grant(id)
  const incident = grant?.terms.incident ?? ''
  const reading = await readIncident(deps.sources, deps.clock, incident)
  const answer = await submitAct(deps, signed.value, {
    asks: (tx, act) => askAbout(tx, act, 'activate'),
    run: (tx, act, moment) => activate(deps, tx, act, reading, moment),
    onRefusal: (tx, act, refusal, now) => voidChanged(deps, tx, act, refusal, now),
  })
  if (answer.ok || grant === null) return answer
  return explainClosed(deps, askingOf(grant.terms), reading, answer.error)
}

type Signed = SignedAct<'activate'>

function activate(
  deps: Deps,
  tx: Tx,
  signed: Signed,
  reading: IncidentReading,
  moment: Moment,
): Result<Effect, Refusal> {
  if (Math.abs(moment.now - signed.act.at) > maxActAgeMillis)
    return refuse({ code: 'act_not_fresh', serverTime: moment.now })
  const found = grantOf(tx, signed.act.grant)
  if (!found.ok) return found
  const grant = found.value
  if (signed.act.termsDigest !== grant.termsDigest)
    return refuse({ code: 'other_terms', current: grant.termsDigest })
  const judged = judgeAccess(deps, tx, askingOf(grant.terms), reading, moment)
  if (!judged.ok) return judged
  const approvals = approvalsOf(deps, tx, grant.id)
  const again = revalidation(deps, tx, signed, judged.value, approvals, moment.now)
  const judgement = judgeActivation(grant, again, moment.now)
  if (!judgement.ok) return judgement
  const { notAfter } = judgement.value
  const scene = { deps, tx, signed, grant, judged: judged.value, approvals, moment }
  const decided = decide(grant, activation(scene, again, notAfter), moment.now)
  if (!decided.ok) return decided
  const change = enterEvents(deps, tx, grant.id, decided.value, signed.act.by)
  const solo = grant.terms.route.name === 'solo'
  if (solo && !someoneAlerted(tx, grant)) return refuse({ code: 'nobody_to_alert' })
  return ok(effectOf(change))
}

function revalidation(
  deps: Deps,
  tx: Tx,
  { act }: Signed,
  { terms, ruling, bundle }: Judged,
  approvals: readonly GivenApproval[],
  now: Instant,
): Revalidation {
  const { entitlement } = terms
  return {
    by: act.by,
    termsDigest: digestOf(deps.crypto, terms),
    ruling,
    approvers: approversNow(deps, tx, bundle, approvals, entitlement, now),
  }
}

type Scene = Readonly<{
  deps: Deps
  tx: Tx
  signed: Signed
  grant: Grant
  judged: Judged
  approvals: readonly GivenApproval[]
  moment: Moment
}>

function activation(scene: Scene, again: Revalidation, notAfter: Instant): Activation {
  const { deps, signed, grant, judged, moment } = scene
  const { estate } = judged.bundle
  const decision = decisionOf(scene, notAfter)
  const envelope = sealEnvelope(payloadTypes.decision, decision, deps.issuer)
  const decisionDigest = payloadDigest(deps.crypto, envelope)
  return {
    ...again,
    kind: 'activate',
    act: signed.envelope,
    decision: envelope,
    decisionDigest,
    orders: openOrders(deps, {
      terms: grant.terms,
      decisionDigest,
      sealTo: signed.act.body.sealTo,
      issuedAt: moment.now,
      notAfter,
      revokeSloSeconds: estate.revokeSloSeconds,
    }),
    voidIf: estate.voidIf,
    reviewGroup: reviewersOf(estate, grant.terms.entitlement) ?? estate.security,
  }
}

function decisionOf(
  { deps, tx, signed, grant, judged, approvals, moment }: Scene,
  notAfter: Instant,
): Decision {
  const { bundle, inForce, ruling } = judged
  return {
    type: 'halligan/decision/v1',
    decision: `d-${signed.digest.slice('sha256:'.length, 39)}`,
    estate: grant.terms.estate,
    grant: grant.id,
    termsDigest: grant.termsDigest,
    terms: grant.terms,
    bundleDigest: bundle.digest,
    rosterVersion: inForce.roster.version,
    factsDigest: digestOf(deps.crypto, ruling.facts),
    requestAct: requestActOf(deps, tx, grant.id),
    approvalActs: approvals.map(({ digest }) => digest),
    activateAct: signed.digest,
    issuedAt: moment.now,
    notAfter,
    voidIf: bundle.estate.voidIf,
  }
}

/** Changed terms void the grant in the transaction that finds the change (AP-29, RQ-14). */
function voidChanged(
  deps: Deps,
  tx: Tx,
  { act }: Signed,
  refusal: Refusal,
  now: Instant,
): void {
  const grant = act.grant === undefined ? null : tx.grant(act.grant)
  if (grant === null || !voids(refusal)) return
  const lapsed = decide(grant, { kind: 'void' }, now)
  if (lapsed.ok) enterEvents(deps, tx, grant.id, lapsed.value, 'system')
}

/** Terms that no longer resolve at all have changed too. */
const voids = ({ code }: Refusal): boolean =>
  ['terms_changed', 'unknown_entitlement', 'unknown_route', 'life_out_of_range'].includes(
    code,
  )

/** Solo access is conferred only with the alert durably queued beside it (AC-04). */
const someoneAlerted = (tx: Tx, grant: Grant): boolean =>
  tx.notices({ grant: grant.id }, 200).some(({ kind }) => kind === 'solo_activated')
