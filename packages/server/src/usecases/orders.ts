import {
  type Digest,
  type EndCause,
  earliest,
  floor,
  type Grant,
  type GrantId,
  type Instant,
  type IssuedOrder,
  isIn,
  isSettled,
  type Order,
  openedPhases,
  overlapKeyOf,
  revokePlan,
  type SealKey,
  secondsAfter,
  type Terms,
} from '@halligan/core'
import { digestOf, payloadDigest, payloadTypes, sealEnvelope } from '@halligan/ledger'
import type { Deps } from './deps.ts'

type Issuing = Pick<Deps, 'crypto' | 'issuer'>

/** What every open order of one decision has in common. */
export type Opening = Readonly<{
  terms: Terms
  decisionDigest: Digest
  sealTo: SealKey
  issuedAt: Instant
  notAfter: Instant
  revokeSloSeconds: number
}>

/** One order for each target. */
export const openOrders = (deps: Issuing, opening: Opening): readonly IssuedOrder[] =>
  opening.terms.targets.map(({ target, enforcer, privileges }) => {
    const { terms, decisionDigest, sealTo, issuedAt, notAfter, revokeSloSeconds } = opening
    return issue(deps, {
      type: 'halligan/order/v1',
      order: orderId(deps, terms.grant, target, decisionDigest),
      estate: terms.estate,
      grant: terms.grant,
      target,
      enforcer,
      issuedAt,
      op: 'open',
      decisionDigest,
      privileges,
      sealTo,
      applyBefore: earliest(secondsAfter(issuedAt, floor.applyBeforeSeconds), notAfter),
      notAfter,
      revokePlan,
      revokeSloSeconds,
      overlapKey: overlapKeyOf(target, terms.grant, privileges),
    })
  })

/** For every target on which the access may still stand, whatever its enforcer last said. */
export function endOrders(
  deps: Issuing,
  grant: Grant,
  cause: EndCause,
  now: Instant,
): readonly IssuedOrder[] {
  if (!isIn(grant, ...openedPhases)) return []
  return grant.targets
    .filter((target) => !isSettled(target))
    .map(({ target, enforcer }) =>
      issue(deps, {
        type: 'halligan/order/v1',
        order: orderId(deps, grant.id, target, cause),
        estate: grant.terms.estate,
        grant: grant.id,
        target,
        enforcer,
        issuedAt: now,
        op: 'end',
        cause,
      }),
    )
}

/** A new password for a new key, under the deadline that stands. */
export const resealOrder = (
  deps: Issuing,
  grant: Grant,
  at: Readonly<{ target: string; enforcer: string }>,
  sealTo: SealKey,
  revealAct: Digest,
  now: Instant,
): IssuedOrder =>
  issue(deps, {
    type: 'halligan/order/v1',
    order: orderId(deps, grant.id, at.target, revealAct),
    estate: grant.terms.estate,
    grant: grant.id,
    target: at.target,
    enforcer: at.enforcer,
    issuedAt: now,
    op: 'reseal',
    sealTo,
    revealAct,
  })

/** Ids follow from what the order is for, so that a replay of the batch makes the same ones. */
const orderId = (deps: Issuing, grant: GrantId, target: string, why: string): string =>
  `o-${digestOf(deps.crypto, { grant, target, why }).slice(7, 39)}`

function issue(deps: Issuing, order: Order): IssuedOrder {
  const envelope = sealEnvelope(payloadTypes.order, order, deps.issuer)
  return {
    target: order.target,
    enforcer: order.enforcer,
    order: envelope,
    orderDigest: payloadDigest(deps.crypto, envelope),
  }
}
