/**
 * Session evidence: what was done in a grant's own sessions, where the target keeps it. Read after absence, when nothing is
 * added to it any more, and before cleanup. It is never what cleanup waits for without end.
 *
 * @module
 */
import { askTarget } from './ask-target.ts'
import { type Attempt, again, done } from './attempt.ts'
import type { SessionEvidence } from './connectors/port.ts'
import { partsOf } from './evidence-parts.ts'
import { keep, subjectOf } from './hold-events.ts'
import { blobOf, report } from './report.ts'
import { connectorOf, type Site } from './site.ts'
import type { HoldIn } from './state.ts'

/** Counted in the books before each try, so that evidence which kills the enforcer is given up as well. */
export const mostWitnessTries = 5

/** One try, where the connector keeps any and it is not over yet. */
export async function witness(site: Site, hold: HoldIn<'absent'>): Promise<Attempt> {
  const connector = connectorOf(site, hold.target)
  if (connector.evidence === undefined || hold.opened === null) return done
  if (hold.witnessed) return done
  if (hold.witnessTries >= mostWitnessTries) {
    tell(site, hold, { what: 'session', text: '', complete: false })
    return done
  }
  keep(site, hold, { kind: 'witnessing' })
  const { grant, target } = hold
  const asked = await askTarget(
    site,
    async () => (await connector.evidence?.(grant, target)) ?? null,
  )
  if (!asked.ok) return again(asked.error.reason)
  tell(site, hold, asked.value)
  return done
}

/** What does not fit into the parts of one receipt is cut, and then it is not complete. */
function tell(site: Site, hold: HoldIn<'absent'>, evidence: SessionEvidence | null): void {
  const { parts, cut } = partsOf(evidence?.text ?? '')
  const blobs = parts.map((text) => blobOf(site, text))
  site.books.atomically(() => {
    const told = keep(site, hold, { kind: 'witnessed' })
    if (evidence === null) return
    const detail = {
      kind: 'witnessed',
      what: evidence.what.slice(0, 64),
      parts: blobs.map(({ commitment }) => ({ textCommitment: commitment })),
      complete: evidence.complete && !cut,
    } as const
    report(site, subjectOf(told), detail, { blobs })
  })
}
