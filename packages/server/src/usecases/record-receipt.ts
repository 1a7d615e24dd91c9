import {
  type Digest,
  type Envelope,
  type Grant,
  type Instant,
  isShown,
  ok,
  type Receipt,
  type Result,
  refuse,
} from '@halligan/core'
import {
  digestOfBytes,
  parseReceipt,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  verifyEnvelope,
} from '@halligan/ledger'
import type { Blob, Placed, Tx } from '../store/port.ts'
import { announceDrift } from './announce-drift.ts'
import { keepBlobs } from './blobs.ts'
import { changeGrant } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { commitmentsIn } from './evidence.ts'
import type { Refusal } from './refusal.ts'
import { endProven } from './watch-ends.ts'

export type ReceiptInput = Readonly<{
  receipt: Envelope
  sealed?: Readonly<{ jwe: string; revealId: string }>
  blobs: readonly Blob[]
}>

/** Where the receipt stands in the log. The enforcer forgets it against a proof of that. */
export type ReceiptAnswer = Readonly<{ index: number; id: Digest }>

type Verified = Readonly<{ receipt: Receipt; envelope: Envelope; digest: Digest }>

/**
 * Enters an enforcer's report. Reports are numbered and chained, so one that does not follow the last
 * is refused; the same one again is answered with its place. What no grant explains is entered as drift.
 */
export async function recordReceipt(
  deps: Deps,
  input: ReceiptInput,
): Promise<Result<ReceiptAnswer, Refusal>> {
  const verified = verifyReceipt(deps, input.receipt)
  if (!verified.ok) {
    deps.refusals.count(verified.error.code)
    return verified
  }
  const isNew = isNewReceipt(deps, verified.value)
  const entered = await deps.writer.submit<ReceiptAnswer, Refusal>({
    name: 'receipt',
    key: null,
    ending: true,
    journal: { kind: 'receipt', envelope: input.receipt },
    run: (tx, now) => record(deps, tx, verified.value, input, now),
  })
  const { detail } = verified.value.receipt
  if (entered.ok && isNew && detail.kind === 'absent' && isShown(detail)) endProven(deps)
  return entered
}

function isNewReceipt({ view }: Deps, { receipt }: Verified): boolean {
  const last = view().lastReceipt(receipt.enforcer)
  return last === null || receipt.seq > last.seq
}

/** By the enforcer's key in the roster, for a target the roster gives to it. */
function verifyReceipt(deps: Deps, envelope: Envelope): Result<Verified, Refusal> {
  const { roster } = deps.inForce.roster(deps.view())
  const read = readEnvelope(payloadTypes.receipt, envelope)
  if (!read.ok) return read
  const parsed = parseReceipt(read.value.value)
  if (!parsed.ok) return bad('it does not fit its schema')
  const receipt = parsed.value
  if (receipt.estate !== roster.estate)
    return refuse({ code: 'other_estate', reason: `signed for ${receipt.estate}` })
  const enforcer = roster.enforcers.find(({ id }) => id === receipt.enforcer)
  if (enforcer === undefined) return refuse({ code: 'unknown_enforcer' })
  const { keyId, key } = enforcer
  const signed = verifyEnvelope(deps.crypto, payloadTypes.receipt, envelope, [
    { keyId, pub: key },
  ])
  if (!signed.ok) return signed
  if (!enforcer.targets.includes(receipt.target))
    return refuse({ code: 'unknown_target', targets: enforcer.targets })
  return ok({ receipt, envelope, digest: payloadDigest(deps.crypto, envelope) })
}

function record(
  deps: Deps,
  tx: Tx,
  verified: Verified,
  input: ReceiptInput,
  now: Instant,
): Result<ReceiptAnswer, Refusal> {
  const { receipt, digest } = verified
  const last = tx.lastReceipt(receipt.enforcer)
  if (last !== null && receipt.seq <= last.seq) return placeOf(tx, verified)
  if (!follows(receipt, last)) return bad(`it does not follow ${last?.seq ?? 'nothing'}`)
  const kept = keepBlobs(deps.crypto, tx, input.blobs, commitmentsIn(receipt.detail))
  if (!kept.ok) return kept
  if (isOfAccount(receipt)) return ok(placed(enterAccount(tx, verified, now)))
  const grant = receipt.grant === null ? null : tx.grant(receipt.grant)
  if (grant === null || !explains(deps, tx, grant, receipt))
    return ok(placed(enterDrift(deps, tx, verified, now)))
  const sealed = keepSealed(deps, tx, verified, input)
  if (!sealed.ok) return sealed
  const command = {
    kind: 'report',
    target: receipt.target,
    enforcer: receipt.enforcer,
    report: receipt.detail,
    receipt: input.receipt,
    receiptDigest: digest,
  } as const
  const actor = `enforcer/${receipt.enforcer}`
  const changed = changeGrant(deps, tx, grant, command, actor, now)
  if (!changed.ok) return ok(placed(enterDrift(deps, tx, verified, now)))
  return ok(placed(changed.value.entries[0]))
}

/** The first of an enforcer follows nothing, whether it counts from 0 or from 1. */
const follows = (
  { seq, prevReceiptDigest }: Receipt,
  last: ReturnType<Tx['lastReceipt']>,
): boolean =>
  last === null
    ? seq <= 1 && prevReceiptDigest === null
    : seq === last.seq + 1 && prevReceiptDigest === last.digest

/**
 * Whether the receipt answers an order that this grant gave for that target. An end needs none: an
 * enforcer may have ended, by its host's root, what it never heard was ordered.
 */
function explains(deps: Deps, tx: Tx, grant: Grant, receipt: Receipt): boolean {
  const { kind } = receipt.detail
  if (receipt.orderDigest === null) return kind !== 'applied' && kind !== 'unknown'
  return tx.entriesOf(`grant/${grant.id}`).some(({ entry }) => {
    if (entry.kind !== 'ordered' || entry.target !== receipt.target) return false
    return payloadDigest(deps.crypto, entry.order as Envelope) === receipt.orderDigest
  })
}

/** The server holds ciphertext alone, bound to the receipt by its digest. */
function keepSealed(
  { crypto }: Deps,
  tx: Tx,
  { receipt, envelope }: Verified,
  { sealed }: ReceiptInput,
): Result<null, Refusal> {
  const { detail, grant, target } = receipt
  if (detail.kind !== 'applied' || grant === null) return ok(null)
  if (sealed === undefined) return bad('it came without what it sealed')
  const digest = digestOfBytes(crypto, new TextEncoder().encode(sealed.jwe))
  if (digest !== detail.sealedDigest || sealed.revealId !== detail.revealId)
    return bad('it speaks of another sealed credential')
  tx.putSealed(grant, target, sealed.revealId, sealed.jwe, envelope)
  return ok(null)
}

/** A shared account was rotated because somebody asked, or by the calendar, and no grant had to do with it. */
const isOfAccount = ({ grant, detail }: Receipt): boolean =>
  grant === null &&
  detail.kind === 'rotated' &&
  detail.account !== undefined &&
  isShown(detail)

const enterAccount = (tx: Tx, { receipt, envelope, digest }: Verified, now: Instant) =>
  tx.append({
    at: now,
    kind: 'account_rotated',
    subject: `target/${receipt.target}`,
    actor: `enforcer/${receipt.enforcer}`,
    target: receipt.target,
    account: receipt.detail.kind === 'rotated' ? (receipt.detail.account ?? '') : '',
    receipt: envelope,
    receiptDigest: digest,
  })

/** Access, or a report of it, that no grant explains: on the target's own record. */
function enterDrift(
  deps: Deps,
  tx: Tx,
  { receipt, envelope, digest }: Verified,
  now: Instant,
): Placed {
  const { detail, target, enforcer } = receipt
  const what = detail.kind === 'drifted' ? detail.what : `unexplained_${detail.kind}`
  const placed = tx.append({
    at: now,
    kind: 'drift',
    subject: `target/${target}`,
    actor: `enforcer/${enforcer}`,
    target,
    what,
    receipt: envelope,
    receiptDigest: digest,
  })
  announceDrift(deps, tx, { index: placed.index, at: now, target, enforcer, what })
  return placed
}

/** A receipt that was recorded before; or another under its number, which is never taken. */
function placeOf(tx: Tx, { receipt, digest }: Verified): Result<ReceiptAnswer, Refusal> {
  const subjects = [`target/${receipt.target}`]
  if (receipt.grant !== null) subjects.unshift(`grant/${receipt.grant}`)
  const found = subjects
    .flatMap((subject) => tx.entriesOf(subject))
    .find(({ entry }) => entry.receiptDigest === digest)
  return found === undefined ? bad('another receipt bears this number') : ok(placed(found))
}

const bad = (reason: string) => refuse({ code: 'bad_receipt', reason } as const)

const placed = (at: Placed | undefined): ReceiptAnswer => {
  if (at === undefined) throw new Error('a report makes at least one entry')
  return { index: at.index, id: at.entry.id }
}
