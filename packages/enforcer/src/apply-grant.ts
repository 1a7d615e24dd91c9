/**
 * Applying: only what was verified and written down is applied, and the clocks are read again after every wait. A crash
 * or a lost answer anywhere in between counts as applied; the next attempt replaces, and never adds (INV-10, INV-11).
 *
 * @module
 */
import { digestOfBytes } from '@halligan/ledger'
import { askEffect, askTarget, patienceMillis } from './ask-target.ts'
import { type Attempt, again, done } from './attempt.ts'
import { beginEnd } from './begin-end.ts'
import type { Credential, Opening } from './connectors/port.ts'
import { type Bound, millisLeft, mustEnd } from './deadline.ts'
import { keep, subjectOf } from './hold-events.ts'
import { report, type Subject } from './report.ts'
import { connectorOf, type Place, type Site } from './site.ts'
import { type HeldOrder, type Hold, type HoldIn, holdIn, orderOf } from './state.ts'

/** One try for a hold that is `accepted`, or `applying` with an outcome that nobody knows (K-07). */
export async function attemptApply(site: Site, place: Place): Promise<Attempt> {
  const hold = site.books.hold(place.grant, place.target)
  if (!holdIn(hold, 'accepted', 'applying')) return done
  if (endIfLate(site, hold)) return done
  if (holdIn(hold, 'applying')) tellUnknown(site, hold)
  else keep(site, hold, { kind: 'applying' })
  const connector = connectorOf(site, place.target)
  // Nothing is waited for past the deadline: the ending comes next.
  const left = Math.max(1000, millisLeft(hold.bound, site.clock.read()))
  const applied = await askEffect(
    ...([site, connector, hold.grant] as const),
    () => connector.apply(openingOf(hold, hold.order, hold.bound)),
    Math.min(left, patienceMillis),
  )
  if (!applied.ok) return unknown(site, place, applied.error.reason)
  if (applied.value.kind === 'too_late') {
    beginEnd(site, place, 'late_apply')
    return done
  }
  if (endIfLate(site, place)) return done
  const present = await askTarget(site, () =>
    connector.probePresent(place.grant, place.target),
  )
  if (!present.ok) return unknown(site, place, present.error.reason)
  if (!present.value) return unknown(site, place, 'the target does not show the access')
  return handOver(site, place, applied.value.credential)
}

/** What the connector is asked to make true, or whether it ever could. */
export function openingOf(
  { grant, target }: Place,
  order: Pick<HeldOrder, 'requester' | 'privileges' | 'overlapKey' | 'applyBefore'>,
  bound: Bound,
): Opening {
  const { requester, privileges, overlapKey, applyBefore } = order
  const byLife = bound.wallAtAccept + bound.remainingMillis
  const deadline = Math.min(bound.notAfter, byLife) as Opening['deadline']
  return { grant, target, requester, privileges, overlapKey, applyBefore, deadline }
}

/** Reads state and clocks again, whatever was true before the wait (INV-11). */
function endIfLate(site: Site, { grant, target }: Place): boolean {
  const hold = site.books.hold(grant, target)
  if (!holdIn(hold, 'accepted', 'applying')) return true
  if (mustEnd(hold.bound, site.clock.read(), site.books.highestWall()) === null)
    return false
  beginEnd(site, hold, 'late_apply')
  return true
}

function unknown(site: Site, { grant, target }: Place, why: string): Attempt {
  const hold = site.books.hold(grant, target)
  if (holdIn(hold, 'applying')) tellUnknown(site, hold)
  return again(why)
}

/** Once per hold: that the outcome is unknown does not become truer by repetition. */
function tellUnknown(site: Site, hold: HoldIn<'applying'>): void {
  if (hold.uncertain) return
  site.books.atomically(() => {
    report(site, subjectOf(keep(site, hold, { kind: 'uncertain' })), { kind: 'unknown' })
  })
}

/** The credential leaves the process sealed, in the same write as the receipt that commits to it (INV-2). */
async function handOver(
  site: Site,
  place: Place,
  credential: Credential,
): Promise<Attempt> {
  const hold = site.books.hold(place.grant, place.target)
  if (!holdIn(hold, 'applying')) return done
  const { sealTo, orderIndex } = hold.order
  const sealed = await sealFor(site, place, credential, sealTo, orderIndex)
  if (endIfLate(site, place)) return done
  site.books.atomically(() => {
    const applied = keep(site, place, { kind: 'applied', revealId: sealed.revealId })
    reportApplied(site, applied, subjectOf(applied), sealed)
  })
  return done
}

export type Sealed = Readonly<{ jwe: string; revealId: string }>

export async function sealFor(
  site: Site,
  { grant, target }: Place,
  credential: Credential,
  sealTo: HoldIn<'applied'>['order']['sealTo'],
  orderIndex: number,
): Promise<Sealed> {
  const header = { estate: site.estate, grant, target, orderIndex }
  const jwe = await site.sealer.seal(credential, sealTo, header)
  return { jwe, revealId: Buffer.from(site.random.bytes(16)).toString('base64url') }
}

export function reportApplied(
  site: Site,
  hold: Hold,
  subject: Subject,
  sealed: Sealed,
): void {
  const sealedDigest = digestOfBytes(site.crypto, new TextEncoder().encode(sealed.jwe))
  const { revealId } = sealed
  const shared = orderOf(hold)?.account === undefined ? {} : ({ shared: true } as const)
  const detail = { kind: 'applied', sealedDigest, revealId, ...shared } as const
  report(site, subject, detail, { sealed, blobs: [] })
}
