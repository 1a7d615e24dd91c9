/**
 * The last check before a secret is opened: that what arrived was sealed by the enforcer that the roster names, for this
 * grant and target, under an order that seals to the very key that the person's own activation (or reveal) signed.
 *
 * @module
 */
import {
  type Decision,
  type Envelope,
  type GrantEvent,
  type GrantId,
  type Order,
  ok,
  type Receipt,
  type Result,
  type Roster,
  type SealKey,
} from '@halligan/core'
import {
  type Crypto,
  digestOfBytes,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  verifyActSignature,
  verifyEnvelope,
} from '@halligan/ledger'
import { compactDecrypt, importJWK } from 'jose'
import type { ReadGrant } from './grant-answer.ts'
import { sameJson } from './included.ts'
import { type ClientRefusal, deceived } from './refusal.ts'

/** An X25519 private key as a JWK (RFC 8037), made for one grant. */
export type PrivateSealKey = SealKey & Readonly<{ d: string }>

export type Sealed = Readonly<{
  estate: string
  grant: GrantId
  target: string
  jwe: string
  revealId: string
  receipt: Envelope
  /** Where the last order stands in the log. */
  index: number
  /** The order that the receipt answers, and the decision that the order carries out. */
  order: Envelope
  decision: Envelope
  /** The activation that the decision must rest on: the requester's own. */
  activateAct: Envelope
}>

export type Opened = Readonly<{
  credential: Readonly<Record<string, string>>
  order: Order
}>

/** The parts of {@link Sealed} that the grant's own entries hold: which order the receipt answers, and what it rests on. */
export function sealedParts(
  crypto: Crypto,
  { grant, entries }: ReadGrant,
  target: string,
  answer: Readonly<{ jwe: string; revealId: string; receipt: Envelope }>,
): Result<Sealed, ClientRefusal> {
  const receipt = readEnvelope<Receipt>(payloadTypes.receipt, answer.receipt)
  if (!receipt.ok)
    return deceived('receipt_unsigned', `the receipt is ${receipt.error.code}`)
  const { orderDigest } = receipt.value.value
  const events = entries.map(({ entry }) => entry as unknown as GrantEvent)
  const order = events
    .filter((event) => event.kind === 'ordered')
    .find((event) => event.orderDigest === orderDigest)
  if (order === undefined || payloadDigest(crypto, order.order) !== orderDigest)
    return deceived('receipt_of_another', 'the receipt answers no order of this grant')
  const activated = events.find((event) => event.kind === 'activated')
  const index = entries.findLast(({ entry }) => entry.kind === 'ordered')?.index
  if (activated === undefined || index === undefined)
    return deceived('decision_unsigned', 'the grant was never activated')
  const { terms, id } = grant
  return ok({
    ...answer,
    estate: terms.estate,
    grant: id,
    target,
    index,
    order: order.order,
    decision: activated.decision,
    activateAct: activated.act,
  })
}

/** The credential, once receipt, order, decision and header all name this grant, target and key. */
export async function openSealed(
  crypto: Crypto,
  roster: Roster,
  sealed: Sealed,
  key: PrivateSealKey,
): Promise<Result<Opened, ClientRefusal>> {
  const decision = signedDecision(crypto, roster, sealed)
  if (!decision.ok) return decision
  const order = signedOrder(crypto, roster, sealed, key)
  if (!order.ok) return order
  const receipt = signedReceipt(crypto, roster, sealed, order.value)
  if (!receipt.ok) return receipt
  return decrypt(sealed, receipt.value, order.value, key)
}

/** Issuers whose word counted where the entry stands: a retired one counts for what came before. */
const issuersAt = (roster: Roster, index: number) =>
  roster.issuers
    .filter(({ retiredAt }) => retiredAt === undefined || index < retiredAt.size)
    .map(({ keyId, key }) => ({ keyId, pub: key }))

function signedDecision(
  crypto: Crypto,
  roster: Roster,
  sealed: Sealed,
): Result<Decision, ClientRefusal> {
  const read = verifyEnvelope<Decision>(
    crypto,
    payloadTypes.decision,
    sealed.decision,
    issuersAt(roster, sealed.index),
  )
  if (!read.ok)
    return deceived('decision_unsigned', `the decision fails: ${read.error.code}`)
  const decision = read.value.value
  if (decision.grant !== sealed.grant || decision.estate !== sealed.estate)
    return deceived('decision_unsigned', `the decision is of ${decision.grant}`)
  if (decision.activateAct !== payloadDigest(crypto, sealed.activateAct))
    return deceived('decision_unsigned', 'the decision rests on another activation')
  const act = verifyActSignature(crypto, sealed.activateAct, roster)
  if (!act.ok || act.value.act.verb !== 'activate' || act.value.act.grant !== sealed.grant)
    return deceived('decision_unsigned', 'the activation is not signed for this grant')
  if (act.value.act.by !== decision.terms.requester)
    return deceived('decision_unsigned', 'the activation is not of the requester')
  return ok(decision)
}

function signedOrder(
  crypto: Crypto,
  roster: Roster,
  sealed: Sealed,
  key: PrivateSealKey,
): Result<Order, ClientRefusal> {
  const read = verifyEnvelope<Order>(
    crypto,
    payloadTypes.order,
    sealed.order,
    issuersAt(roster, sealed.index),
  )
  if (!read.ok) return deceived('order_unsigned', `the order fails: ${read.error.code}`)
  const order = read.value.value
  if (order.grant !== sealed.grant || order.target !== sealed.target)
    return deceived('order_of_another', `the order is of ${order.grant} on ${order.target}`)
  if (order.op === 'end') return deceived('order_of_another', 'the order ends this grant')
  if (
    order.op === 'open' &&
    order.decisionDigest !== payloadDigest(crypto, sealed.decision)
  )
    return deceived('order_of_another', 'the order carries out another decision')
  const { kty, crv, x } = key
  return sameJson(order.sealTo, { kty, crv, x })
    ? ok(order)
    : deceived('sealed_to_another', 'the order seals to a key that is not yours')
}

function signedReceipt(
  crypto: Crypto,
  roster: Roster,
  sealed: Sealed,
  order: Order,
): Result<Receipt, ClientRefusal> {
  const keys = roster.enforcers
    .filter(({ id, targets }) => id === order.enforcer && targets.includes(sealed.target))
    .map(({ keyId, key }) => ({ keyId, pub: key }))
  const read = verifyEnvelope<Receipt>(crypto, payloadTypes.receipt, sealed.receipt, keys)
  if (!read.ok) return deceived('receipt_unsigned', `the receipt fails: ${read.error.code}`)
  const receipt = read.value.value
  const { grant, target, orderDigest, detail } = receipt
  if (grant !== sealed.grant || target !== sealed.target)
    return deceived('receipt_of_another', `the receipt is of ${grant} on ${target}`)
  if (receipt.enforcer !== order.enforcer)
    return deceived('receipt_of_another', `the receipt is of ${receipt.enforcer}`)
  if (orderDigest !== payloadDigest(crypto, sealed.order))
    return deceived('receipt_of_another', 'the receipt answers another order')
  if (detail.kind !== 'applied')
    return deceived('receipt_of_another', `the receipt says ${detail.kind}, not applied`)
  const digest = digestOfBytes(crypto, new TextEncoder().encode(sealed.jwe))
  return detail.sealedDigest === digest && detail.revealId === sealed.revealId
    ? ok(receipt)
    : deceived('sealed_differs', 'what arrived is not what the enforcer sealed')
}

async function decrypt(
  sealed: Sealed,
  receipt: Receipt,
  order: Order,
  key: PrivateSealKey,
): Promise<Result<Opened, ClientRefusal>> {
  const secret = await importJWK(key, 'ECDH-ES+A256KW')
  const opened = await compactDecrypt(sealed.jwe, secret, {
    keyManagementAlgorithms: ['ECDH-ES+A256KW'],
    contentEncryptionAlgorithms: ['A256GCM'],
  }).catch(() => null)
  if (opened === null) return deceived('sealed_to_another', 'your key does not open it')
  const { estate, grant, target, orderIndex } = opened.protectedHeader
  if (
    estate !== sealed.estate ||
    grant !== sealed.grant ||
    target !== sealed.target ||
    orderIndex !== receipt.orderIndex
  )
    return deceived('sealed_differs', 'the sealed header names another grant or target')
  return ok({ credential: credentialOf(opened.plaintext), order })
}

/** Made and authenticated by the enforcer; anything but a flat object of strings is its broken promise. */
function credentialOf(plaintext: Uint8Array): Readonly<Record<string, string>> {
  const value: unknown = JSON.parse(new TextDecoder().decode(plaintext))
  if (typeof value !== 'object' || value === null)
    throw new Error('corrupt credential: not an object')
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => [name, String(text)]),
  )
}
