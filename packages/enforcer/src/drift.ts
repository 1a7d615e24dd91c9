/**
 * Drift: what a target shows and no grant explains, and what a grant explains and no target shows (EN-26, C-08). It is
 * reported once while it lasts. Only access that this enforcer already ended is ended again; the rest is for people.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { askTarget } from './ask-target.ts'
import { blobOf, report } from './report.ts'
import { connectorOf, type Site } from './site.ts'
import { holdIn, mayStand } from './state.ts'

/**
 * Compares one target with the books. `unlisted` are grants applied here that the control plane no longer mentions:
 * absence from a snapshot ends nothing, and is told.
 */
export async function lookForDrift(
  site: Site,
  target: string,
  unlisted: ReadonlySet<GrantId>,
): Promise<void> {
  const connector = connectorOf(site, target)
  const before = explained(site, target)
  const asked = await askTarget(async () => ({
    standing: await connector.standing(target),
    strangers: (await connector.strangers?.(target)) ?? [],
  }))
  if (!asked.ok) {
    site.log({ level: 'warn', what: 'target_unready', target, why: asked.error.reason })
    return
  }
  const standing = new Set(asked.value.standing)
  const after = explained(site, target)
  // Opened or ended while the target was being read: explained either way.
  const stray = [...standing].filter(
    (grant) => !before.all.has(grant) && !after.all.has(grant),
  )
  const gone = [...before.applied].filter(
    (grant) => after.applied.has(grant) && !standing.has(grant),
  )
  const ended = (grant: GrantId) => holdIn(site.books.hold(grant, target), 'absent')
  tell(site, target, [
    ...stray.map((grant) => ofGrant(ended(grant) ? 'reappeared' : 'unexplained', grant)),
    ...gone.map((grant) => ofGrant('missing', grant)),
    ...[...unlisted]
      .filter((grant) => after.applied.has(grant))
      .map((grant) => ofGrant('unlisted', grant)),
    ...asked.value.strangers.map(({ what, object }) => ({ what, object, grant: null })),
  ])
  for (const grant of stray.filter(ended)) {
    const again = await askTarget(() => connector.end(grant, target))
    if (!again.ok) site.log({ level: 'alarm', what: 'reappeared_stands', grant, target })
  }
}

type Drift = Readonly<{ what: string; object: string; grant: GrantId | null }>

const ofGrant = (what: string, grant: GrantId): Drift => ({ what, object: grant, grant })

function explained(site: Site, target: string) {
  const holds = site.books.unfinished().filter((hold) => hold.target === target)
  const standing = holds.filter((hold) => mayStand(hold) || holdIn(hold, 'ending'))
  return {
    all: new Set(standing.map(({ grant }) => grant)),
    applied: new Set(
      holds.filter((hold) => holdIn(hold, 'applied')).map(({ grant }) => grant),
    ),
  }
}

/** What is new is reported; what is over is forgotten, so that it is told again should it come back. */
function tell(site: Site, target: string, drifts: readonly Drift[]): void {
  const { books } = site
  const nameOf = ({ what, object }: Drift) => `${what} ${object}`
  const names = drifts.map(nameOf)
  const known = books.drifts(target)
  if (names.join() === known.join()) return
  books.atomically(() => {
    for (const drift of drifts) {
      if (known.includes(nameOf(drift))) continue
      const object = blobOf(site, nameOf(drift))
      const isOurs =
        drift.grant !== null && books.hold(drift.grant, target).phase !== 'none'
      const grant = isOurs ? drift.grant : null
      const detail = {
        kind: 'drifted',
        what: drift.what,
        object: object.commitment,
      } as const
      report(site, { grant, target, about: null }, detail, { blobs: [object] })
    }
    books.keepDrifts(target, names)
  })
}
