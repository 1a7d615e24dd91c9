/**
 * Ending: written down first, asked of the target second, believed only when probes of the target say so (PROTOCOL 3.8).
 * Tried without end; no answer of the control plane is ever waited for (INV-18).
 *
 * @module
 */
import { type GrantId, showAbsence } from '@halligan/core'
import { askTarget, isOut, stillOut } from './ask-target.ts'
import { type Attempt, again, done } from './attempt.ts'
import { isWritten } from './begin-end.ts'
import { keep, subjectOf } from './hold-events.ts'
import { blobOf, report } from './report.ts'
import { connectorOf, type Place, type Site } from './site.ts'
import { type HoldIn, holdIn } from './state.ts'
import { BooksUnwritable } from './store/port.ts'
import { witness } from './witness-grant.ts'

/**
 * One try: lock out, end sessions, remove, then probe. What `end` itself answers is never believed (EN-10). It waits for no
 * disk of ours; and what an attempt to apply that never came back may still do is awaited before absence is believed (INV-11).
 */
export async function attemptEnd(site: Site, { grant, target }: Place): Promise<Attempt> {
  const connector = connectorOf(site, target)
  const hold = site.books.hold(grant, target)
  if (!holdIn(hold, 'ending')) return done
  const written = isWritten(site, hold)
  const applyIsOut = isOut(connector, grant)
  const alreadyAbsent = !hold.asked && (await isAbsentNow(site, hold))
  const noted = written && (await noteAsked(site, hold))
  const asked = await askTarget(site, () => connector.end(grant, target))
  const probed = await askTarget(site, () => connector.probeAbsent(grant, target))
  if (!probed.ok) return again(probed.error.reason)
  if (!showAbsence(probed.value))
    return again(asked.ok ? 'end_disputed' : asked.error.reason)
  if (applyIsOut) return again(stillOut)
  if (!noted) return again(unwritable)
  await site.books.together(() => {
    const at = site.clock.read().wall
    const absent = keep(site, hold, { kind: 'absent', at, probes: probed.value })
    const detail = { kind: 'absent', probes: probed.value, alreadyAbsent } as const
    report(site, subjectOf(absent), detail)
  })
  return done
}

const unwritable = 'the disk of the enforcer takes nothing'

/** False when the disk did not take it: the target is asked all the same. */
async function noteAsked(site: Site, hold: HoldIn<'ending'>): Promise<boolean> {
  if (hold.asked) return true
  try {
    await site.books.together(() => keep(site, hold, { kind: 'end_asked' }))
    return true
  } catch (error) {
    if (error instanceof BooksUnwritable) return false
    throw error
  }
}

async function isAbsentNow(site: Site, { grant, target }: Place): Promise<boolean> {
  const connector = connectorOf(site, target)
  const probed = await askTarget(site, () => connector.probeAbsent(grant, target))
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
  const witnessed = await witness(site, hold)
  if (witnessed.kind === 'again') return witnessed
  if (hold.after === null) {
    const snapshot = await askTarget(site, () => connector.snapshot(target))
    if (!snapshot.ok) return again(snapshot.error.reason)
    keep(site, hold, { kind: 'compared', after: snapshot.value })
    return cleanUp(site, { grant, target })
  }
  const cleaned = await askTarget(site, () => connector.cleanup(grant, target))
  if (!cleaned.ok) return again(cleaned.error.reason)
  const found = differences(site, grant, target, hold.opened?.before ?? null, hold.after)
  const diff = blobOf(site, diffText(found))
  site.books.atomically(() => {
    const told = keep(site, hold, { kind: 'cleaned' })
    site.books.shelf.drop(grant, target)
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
export const oneLine = (object: string): string =>
  JSON.stringify(object.slice(0, maxObjectLength)).slice(1, -1) +
  (object.length > maxObjectLength ? '…' : '')
