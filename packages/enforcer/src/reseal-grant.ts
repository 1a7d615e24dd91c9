/**
 * A lost key: a new password, sealed to a new key that the requester's own act names; the deadline stands (PROTOCOL 3.7).
 * The server cannot make one for a key of its own, because the act is the requester's.
 *
 * @module
 */
import type { Digest, ResealOrder, Result, Roster } from '@halligan/core'
import { ok, refuse } from '@halligan/core'
import {
  type Entry,
  parseOrder,
  payloadDigest,
  payloadTypes,
  verifyActSignature,
  verifyEnvelope,
} from '@halligan/ledger'
import { verifyIncluded } from '@halligan/sdk'
import { reportApplied, sealFor } from './apply-grant.ts'
import { askEffect } from './ask-target.ts'
import { mustEnd } from './deadline.ts'
import type { Heard } from './heard.ts'
import { keep } from './hold-events.ts'
import { memberOf } from './open-grant.ts'
import { report } from './report.ts'
import { connectorOf, type Site } from './site.ts'
import { type HoldIn, holdIn } from './state.ts'

type Reseal = Heard['answer']['reseals'][number]

export type AdmittedReseal = Readonly<{ order: ResealOrder; digest: Digest; index: number }>

/** The reseal to carry out, or null: done already, refused (with a receipt), or of nothing that stands here. */
export function admitReseal(
  site: Site,
  heard: Heard,
  reseal: Reseal,
): AdmittedReseal | null {
  if (heard.accepted === null) return null
  const read = readReseal(site, heard.accepted.roster, reseal)
  if (!read.ok) {
    site.log({ level: 'alarm', what: 'check_failed', code: read.error.code })
    return null
  }
  const { order, digest, index } = read.value
  const hold = site.books.hold(order.grant, order.target)
  if (!holdIn(hold, 'applied') || hold.resealed.includes(digest)) return null
  if (site.books.wasRefused(digest)) return null
  const code = whyNotReveal(site, heard.accepted.roster, hold, order, reseal)
  if (code === null) return { order, digest, index }
  const { grant, target } = order
  site.books.atomically(() => {
    site.books.noteRefused(digest)
    const about = { orderDigest: digest, orderIndex: index }
    report(site, { grant, target, about }, { kind: 'refused', codes: [code] })
  })
  return null
}

export async function resealGrant(site: Site, admitted: AdmittedReseal): Promise<void> {
  const { order, digest, index } = admitted
  const { grant, target } = order
  const stands = () => {
    const hold = site.books.hold(grant, target)
    if (!holdIn(hold, 'applied') || hold.resealed.includes(digest)) return false
    return mustEnd(hold.bound, site.clock.read(), site.books.highestWall()) === null
  }
  if (!stands()) return
  const connector = connectorOf(site, target)
  const credential = await askEffect(site, connector, grant, () =>
    connector.reseal(grant, target),
  )
  if (!credential.ok) {
    const why = credential.error.reason
    site.log({ level: 'warn', what: 'reseal_again', grant, target, why })
    return
  }
  const sealed = await sealFor(site, order, credential.value, order.sealTo, index)
  if (!stands()) return
  site.books.atomically(() => {
    const { revealId } = sealed
    const resealed = { kind: 'resealed', revealId, orderDigest: digest } as const
    const hold = keep(site, order, resealed)
    const about = { orderDigest: digest, orderIndex: index }
    reportApplied(site, hold, { grant, target, about }, sealed)
  })
}

type Fault = Readonly<{ code: string }>

/** An issuer's reseal order for this enforcer, and its place in the log. */
function readReseal(
  site: Site,
  roster: Roster,
  { order: proved }: Reseal,
): Result<AdmittedReseal, Fault> {
  const envelope = memberOf(proved.entry, 'order')
  if (envelope === null) return refuse({ code: 'malformed_order' })
  const keys = roster.issuers
    .filter(({ retiredAt }) => retiredAt === undefined)
    .map(({ keyId, key }) => ({ keyId, pub: key }))
  const signed = verifyEnvelope(site.crypto, payloadTypes.order, envelope, keys)
  if (!signed.ok) return refuse({ code: signed.error.code })
  const parsed = parseOrder(signed.value.value)
  if (!parsed.ok || parsed.value.op !== 'reseal') return refuse({ code: 'malformed_order' })
  const order = parsed.value
  if (order.estate !== site.estate) return refuse({ code: 'other_estate' })
  if (order.enforcer !== site.enforcer || !site.connectors.has(order.target))
    return refuse({ code: 'other_enforcer' })
  const included = verifyIncluded(site.crypto, roster.logs, asEntry(proved))
  if (!included.ok) return refuse({ code: 'not_included' })
  const digest = payloadDigest(site.crypto, envelope)
  return ok({ order, digest, index: included.value.index })
}

/** Why the act behind the order is not the requester's own, for this key, on the record. */
function whyNotReveal(
  site: Site,
  roster: Roster,
  hold: HoldIn<'applied'>,
  order: ResealOrder,
  { reveal }: Reseal,
): string | null {
  const envelope = memberOf(reveal.entry, 'act')
  if (envelope === null) return 'malformed_act'
  const signed = verifyActSignature(site.crypto, envelope, roster)
  if (!signed.ok) return signed.error.code
  const { act, digest } = signed.value
  if (act.verb !== 'reveal') return 'wrong_verb'
  if (digest !== order.revealAct) return 'digest_mismatch'
  if (act.grant !== hold.grant || act.body.target !== hold.target) return 'other_grant'
  if (act.by !== hold.order.requester) return 'not_requester'
  if (act.body.sealTo.x !== order.sealTo.x) return 'other_seal_key'
  const included = verifyIncluded(site.crypto, roster.logs, asEntry(reveal))
  return included.ok ? null : 'not_included'
}

/** `verifyIncluded` hashes the entry whole: what it is not, it cannot be shown to be. */
const asEntry = ({ entry, proof }: Reseal['order']) => ({ entry: entry as Entry, proof })
