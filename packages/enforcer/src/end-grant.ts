/**
 * Ending: written down first, asked of the target second, believed only when probes of the target say so (PROTOCOL 3.8).
 * Tried without end; no answer of the control plane is ever waited for (INV-18).
 *
 * @module
 */
import { type EndingCause, type GrantId, showAbsence } from '@halligan/core'
import { askTarget } from './ask-target.ts'
import { blobOf, report, type Subject } from './report.ts'
import { connectorOf, type Place, type Site } from './site.ts'
import { advance, type Hold, type HoldEvent, holdIn } from './state.ts'

/** Where an attempt left the grant. `again` asks for another one, later, and says why. */
export type Attempt = Readonly<{ kind: 'done' } | { kind: 'again'; why: string }>

const done: Attempt = { kind: 'done' }
const again = (why: string): Attempt => ({ kind: 'again', why })

/**
 * Makes the hold `ending`, for good, with its receipt. False when it was ending or absent already. The ending itself is
 * {@link attemptEnd}, which the due loop starts.
 */
export function beginEnd(
  site: Site,
  { grant, target }: Place,
  cause: EndingCause,
  about: Subject['about'] = null,
): boolean {
  const { books, clock } = site
  return books.atomically(() => {
    const hold = books.hold(grant, target)
    const at = clock.read().wall
    const next = advance(hold, { kind: 'ending', cause, at, about })
    if (!next.ok) return false
    books.keepHold(next.value)
    report(site, subjectOf(next.value), { kind: 'ending', cause })
    return true
  })
}

/** One try: lock out, end sessions, remove, then probe. What `end` itself answers is never believed (EN-10). */
export async function attemptEnd(site: Site, { grant, target }: Place): Promise<Attempt> {
  const connector = connectorOf(site, target)
  const hold = site.books.hold(grant, target)
  if (!holdIn(hold, 'ending')) return done
  const alreadyAbsent = !hold.asked && (await isAbsentNow(site, hold))
  if (!hold.asked) await site.books.together(() => keep(site, hold, { kind: 'end_asked' }))
  const asked = await askTarget(() => connector.end(grant, target))
  const probed = await askTarget(() => connector.probeAbsent(grant, target))
  if (!probed.ok) return again(probed.error.reason)
  if (!showAbsence(probed.value))
    return again(asked.ok ? 'end_disputed' : asked.error.reason)
  await site.books.together(() => {
    const at = site.clock.read().wall
    const absent = keep(site, hold, { kind: 'absent', at })
    site.books.shelf.drop(grant, target)
    const detail = { kind: 'absent', probes: probed.value, alreadyAbsent } as const
    report(site, subjectOf(absent), detail)
  })
  return done
}

async function isAbsentNow(site: Site, { grant, target }: Place): Promise<boolean> {
  const connector = connectorOf(site, target)
  const probed = await askTarget(() => connector.probeAbsent(grant, target))
  return probed.ok && showAbsence(probed.value)
}

/**
 * After absence, an obligation of its own (EN-04): what else the grant left behind is read before anything is dropped,
 * then the leftovers go, then the difference is reported as text that the receipt commits to.
 */
export async function cleanUp(site: Site, { grant, target }: Place): Promise<Attempt> {
  const connector = connectorOf(site, target)
  const hold = site.books.hold(grant, target)
  if (!holdIn(hold, 'absent') || hold.cleaned) return done
  if (hold.after === null) {
    const snapshot = await askTarget(() => connector.snapshot(target))
    if (!snapshot.ok) return again(snapshot.error.reason)
    keep(site, hold, { kind: 'compared', after: snapshot.value })
    return cleanUp(site, { grant, target })
  }
  const cleaned = await askTarget(() => connector.cleanup(grant, target))
  if (!cleaned.ok) return again(cleaned.error.reason)
  const found = differences(site, grant, target, hold.opened?.before ?? null, hold.after)
  const diff = blobOf(site, diffText(found))
  site.books.atomically(() => {
    const told = keep(site, hold, { kind: 'cleaned' })
    const diffCommitment = diff.commitment
    const detail = { kind: 'cleaned', diffCommitment, findings: found.length } as const
    report(site, subjectOf(told), detail, { blobs: [diff] })
  })
  return done
}

type Found = Readonly<{ what: string; object: string }>

function differences(
  site: Site,
  grant: GrantId,
  target: string,
  before: string | null,
  after: string,
): readonly Found[] {
  // Ended without ever being opened here: there is nothing to compare with, and that is a finding.
  if (before === null) return [{ what: 'no_snapshot_before', object: grant }]
  return connectorOf(site, target).difference(before, after, grant)
}

const maxDiffLength = 7500
const maxObjectLength = 200

/**
 * A blob holds 8 KiB. What does not fit is counted, not hidden. A grantee decides how much there is, so each line is
 * looked at once at most: while this runs, nothing else ends.
 */
export function diffText(found: readonly Found[]): string {
  if (found.length === 0) return 'nothing else changed'
  const fitting: string[] = []
  let length = 0
  for (const { what, object } of found) {
    const line = `${what} ${oneLine(object)}`
    length += Buffer.byteLength(line) + 1
    if (length > maxDiffLength) break
    fitting.push(line)
  }
  const left = found.length - fitting.length
  return [...fitting, ...(left === 0 ? [] : [`and ${left} more`])].join('\n')
}

/** A grantee names the objects: no name crowds out the others or passes for a line of its own. */
const oneLine = (object: string): string =>
  JSON.stringify(object.slice(0, maxObjectLength)).slice(1, -1) +
  (object.length > maxObjectLength ? '…' : '')

export const subjectOf = (hold: Hold): Subject => {
  const { grant, target } = hold
  if (holdIn(hold, 'ending', 'absent')) return { grant, target, about: hold.about }
  if (holdIn(hold, 'accepted', 'applying', 'applied')) {
    const { orderDigest, orderIndex } = hold.order
    return { grant, target, about: { orderDigest, orderIndex } }
  }
  return { grant, target, about: null }
}

/** Writes the hold down as `event` makes it; throws when the event cannot have happened to it. */
export function keep(site: Site, { grant, target }: Place, event: HoldEvent): Hold {
  const { books } = site
  return books.atomically(() => {
    const next = advance(books.hold(grant, target), event)
    if (!next.ok)
      throw new Error(
        `corrupt hold ${grant} on ${target}: ${event.kind} in ${next.error.phase}`,
      )
    books.keepHold(next.value)
    return next.value
  })
}
