/**
 * Opening: `verifyGrant` with this enforcer's own guard, clocks, fences and memory, on a fresh beacon. Any failure is a
 * receipt that names every check that failed, and nothing is applied (PROTOCOL 3.6).
 *
 * @module
 */
import type { Beacon, Digest, Envelope, OpenOrder, PrincipalId } from '@halligan/core'
import {
  type Evidence,
  isEnvelope,
  type ProvenGrant,
  parseBeacon,
  parseOrder,
  parseProof,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  verifyGrant,
} from '@halligan/ledger'
import { isReturning } from './accounts.ts'
import { openingOf } from './apply-grant.ts'
import { askTarget } from './ask-target.ts'
import { type Bound, type Clocks, remainingMillis, skewMillis } from './deadline.ts'
import type { Heard } from './heard.ts'
import { keep } from './hold-events.ts'
import { report } from './report.ts'
import { connectorOf, type Site } from './site.ts'
import { fenced, type HeldOrder, type Hold, holdIn, mayStand } from './state.ts'

type Opening = Heard['answer']['opens'][number]

/** A verified order on its way into its target's lane. */
export type Admitted = Readonly<{
  proven: ProvenGrant
  approvers: readonly PrincipalId[]
  beacon: Beacon
  heard: Heard
}>

type Claimed = Readonly<{ order: OpenOrder; digest: Digest; index: number | null }>

/**
 * What this opening is to this enforcer now: admitted, or null because it was refused (with a receipt), is known
 * already, is not readable, or came on a round trip too slow to judge by and is worth asking for again.
 */
export function admit(site: Site, heard: Heard, opening: Opening): Admitted | null {
  const claimed = readClaim(site, opening)
  if (claimed === null) {
    site.log({ level: 'alarm', what: 'unreadable_order' })
    return null
  }
  const { order, digest } = claimed
  const hold = site.books.hold(order.grant, order.target)
  if (site.books.wasRefused(digest) || isAbout(hold, digest)) return null
  const evidence = evidenceOf(heard, opening)
  const verdict = verifyGrant(site.crypto, evidence, trustOf(site, heard), site.guard, {
    beaconNonce: heard.beaconNonce,
    roundTripMillis: heard.answeredAtBoot - heard.askedAtBoot,
    wallNow: heard.wallNow,
    localState: hold.phase,
    fence: site.books.fence(order.overlapKey),
  })
  const codes = [...new Set(verdict.failures.map(({ code }) => code))]
  if (heard.accepted === null) codes.push('unproven_state')
  if (codes.length === 1 && codes[0] === 'round_trip_too_long') {
    site.log({ level: 'warn', what: 'round_trip_too_long', grant: order.grant })
    return null
  }
  for (const { step, code, detail } of verdict.failures)
    site.log({
      level: 'alarm',
      what: 'check_failed',
      grant: order.grant,
      step,
      code,
      detail,
    })
  if (verdict.proven === null || codes.length > 0) {
    refuseOrder(site, claimed, codes)
    return null
  }
  const beacon = beaconOf(heard.answer.beacon)
  return { proven: verdict.proven, approvers: approversIn(opening), beacon, heard }
}

/** Writes the order down as accepted, in its lane, everything that a wait can change judged again. */
export async function acceptOrder(site: Site, admitted: Admitted): Promise<void> {
  const { order } = admitted.proven
  if (!mayGoOn(site, admitted)) return
  const connector = connectorOf(site, order.target)
  const before = await askTarget(site, () => connector.snapshot(order.target))
  if (!before.ok) return waits(site, order, 'target_unready', before.error.reason)
  if (mayGoOn(site, admitted)) writeAccepted(site, admitted, before.value)
}

/** False once it is refused, with a receipt, or has to wait: what is on its way back is not `account_in_use`. */
function mayGoOn(site: Site, admitted: Admitted): boolean {
  const { order, orderDigest: digest, orderIndex: index } = admitted.proven
  const late = whyNotNow(site, admitted)
  if (late === null && mustWait(site, order)) return false
  const code = late ?? whyNever(site, admitted)
  if (code !== null) refuseOrder(site, { order, digest, index }, [code])
  return code === null
}

/** Whether the account is on its way back from somebody: nobody may have it before that grant is all done. */
function mustWait(site: Site, order: OpenOrder): boolean {
  const { target, privileges } = order
  const account = connectorOf(site, target).sharedAccount?.(privileges) ?? null
  if (account === null || !isReturning(site, target, account)) return false
  waits(site, order, 'account_returning', `${account} is not given back yet`)
  return true
}

/** Nothing was begun, so nothing is owed: the next snapshot brings the order again while it may still be applied. */
function waits(site: Site, { grant, target }: OpenOrder, what: string, why: string): void {
  site.log({ level: 'warn', what, grant, target, why })
}

function writeAccepted(site: Site, admitted: Admitted, before: string): void {
  const { order, orderIndex } = admitted.proven
  const { books } = site
  const clocks = site.clock.read()
  const bound = boundOf(site, admitted, clocks)
  const held = heldOrder(site, admitted)
  books.atomically(() => {
    // A beacon has just vouched for this wall clock, and nothing stands that an older, higher one could end.
    if (clocks.wall > books.highestWall() || !books.unfinished().some(mayStand))
      books.keepHighestWall(clocks.wall)
    keep(site, order, { kind: 'accepted', order: held, bound, before })
    books.raiseFence(order.overlapKey, orderIndex)
  })
  site.log({ level: 'info', what: 'accepted', grant: order.grant, target: order.target })
}

const boundOf = (site: Site, admitted: Admitted, clocks: Clocks): Bound => ({
  bootId: clocks.bootId,
  bootAtAccept: clocks.bootMillis,
  wallAtAccept: clocks.wall,
  remainingMillis: remainingOf(site, admitted, clocks.bootMillis),
  notAfter: admitted.proven.order.notAfter,
})

function heldOrder(site: Site, { proven, approvers }: Admitted): HeldOrder {
  const { order, orderDigest, orderIndex, decision } = proven
  const { overlapKey, privileges, sealTo, applyBefore, notAfter } = order
  const account = connectorOf(site, order.target).sharedAccount?.(privileges) ?? null
  return {
    ...{ orderDigest, orderIndex, overlapKey, privileges, sealTo, applyBefore, notAfter },
    requester: decision.terms.requester,
    ...(account === null ? {} : { account }),
    approvers,
  }
}

/** What may have become true since the order was verified: it waited for its lane and for its target. */
function whyNotNow(site: Site, admitted: Admitted): string | null {
  const { order, orderIndex } = admitted.proven
  const { books } = site
  if (!holdIn(books.hold(order.grant, order.target), 'none')) return 'already_acted_on'
  if (fenced(books.fence(order.overlapKey), orderIndex)) return 'fenced'
  const clocks = site.clock.read()
  const serverNow = admitted.beacon.serverTime + sinceAsked(admitted, clocks.bootMillis)
  if (!(serverNow < order.applyBefore)) return 'too_late'
  if (!(remainingOf(site, admitted, clocks.bootMillis) > 0)) return 'too_late'
  // While something stands, a wall clock behind its own past ends everything; nothing new may open beside it.
  const behind = !(clocks.wall > books.highestWall() - skewMillis)
  return behind && books.unfinished().some(mayStand) ? 'clock_behind' : null
}

function whyNever(site: Site, admitted: Admitted): string | null {
  const { order } = admitted.proven
  const bound = boundOf(site, admitted, site.clock.read())
  const opening = openingOf(order, heldOrder(site, admitted), bound)
  return connectorOf(site, order.target).refuses?.(opening) ?? null
}

function remainingOf(site: Site, admitted: Admitted, bootMillis: number): number {
  const { order, decision } = admitted.proven
  return remainingMillis({
    notAfter: order.notAfter,
    serverTime: admitted.beacon.serverTime,
    sinceAskedMillis: sinceAsked(admitted, bootMillis),
    lifeSeconds: decision.terms.lifeSeconds,
    guardMaxLifeSeconds: site.guard.targets[order.target]?.maxLifeSeconds ?? 0,
  })
}

/** The beacon's time may be as old as the question: the whole round trip counts against the life. */
const sinceAsked = ({ heard }: Admitted, bootMillis: number): number =>
  bootMillis - heard.askedAtBoot

/** Once per order. A grant that was never opened here stays closed here. */
function refuseOrder(
  site: Site,
  { order, digest, index }: Claimed,
  codes: readonly string[],
): void {
  const { grant, target } = order
  const { books } = site
  books.atomically(() => {
    if (books.wasRefused(digest)) return
    books.noteRefused(digest)
    if (books.hold(grant, target).phase === 'none')
      keep(site, order, { kind: 'refused', orderDigest: digest })
    const about = { orderDigest: digest, orderIndex: index }
    report(site, { grant, target, about }, { kind: 'refused', codes })
  })
}

/** The order as it claims to be, for one of this enforcer's targets. */
function readClaim(site: Site, { order: { entry, proof } }: Opening): Claimed | null {
  const envelope = memberOf(entry, 'order')
  if (envelope === null) return null
  const read = readEnvelope(payloadTypes.order, envelope)
  const order = read.ok ? parseOrder(read.value.value) : null
  if (!order?.ok || order.value.op !== 'open') return null
  if (!site.connectors.has(order.value.target)) return null
  return {
    order: order.value,
    digest: payloadDigest(site.crypto, envelope),
    index: parseProof(proof)?.index ?? null,
  }
}

export function memberOf(entry: unknown, name: string): Envelope | null {
  if (typeof entry !== 'object' || entry === null) return null
  const member: unknown = Object.getOwnPropertyDescriptor(entry, name)?.value
  return isEnvelope(member) ? member : null
}

function isAbout(hold: Hold, digest: Digest): boolean {
  if (mayStand(hold)) return hold.order.orderDigest === digest
  return holdIn(hold, 'ending', 'absent') && hold.about?.orderDigest === digest
}

const evidenceOf = ({ answer }: Heard, opening: Opening): Evidence => ({
  rosters: answer.rosters,
  checkpoint: answer.checkpoint,
  consistency: answer.consistency,
  beacon: answer.beacon,
  ...opening,
})

const trustOf = (site: Site, { trustBefore }: Heard) => ({
  estate: site.estate,
  rosterDigest: highestRoster(site, trustBefore.rosters),
  checkpointSeen: trustBefore.checkpoint,
})

/** The latest version ever accepted, so that no older chain is believed again; the operator's pin before that. */
const highestRoster = (site: Site, rosters: readonly Envelope[]): Digest => {
  const last = rosters.at(-1)
  return last === undefined ? site.pinned : payloadDigest(site.crypto, last)
}

function beaconOf(envelope: Envelope): Beacon {
  const read = readEnvelope(payloadTypes.beacon, envelope)
  const beacon = read.ok ? parseBeacon(read.value.value) : read
  if (!beacon.ok) throw new Error('a verified beacon must be readable')
  return beacon.value
}

/** Verified by step 7 before anybody looks here. */
function approversIn({ approvals }: Opening): readonly PrincipalId[] {
  return approvals.flatMap(({ entry }) => {
    const act = memberOf(entry, 'act')
    const read =
      act === null ? null : readEnvelope<{ by: PrincipalId }>(payloadTypes.act, act)
    return read?.ok ? [read.value.value.by] : []
  })
}
