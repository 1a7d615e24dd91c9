/**
 * Drift: what a target shows and no grant explains, and what a grant explains and no target shows (EN-26, C-08). It is
 * reported once while it lasts. Only access that this enforcer already ended is ended again; the rest is for people.
 *
 * @module
 */
import { type GrantId, ok, type Result } from '@halligan/core'
import { askEffect, askTarget, type TargetFailed } from './ask-target.ts'
import {
  CredentialRefused,
  type Difference,
  type Excess,
  TargetTaken,
} from './connectors/port.ts'
import { mustEnd } from './deadline.ts'
import { oneLine } from './end-grant.ts'
import { blobOf, report } from './report.ts'
import { connectorOf, type Site } from './site.ts'
import { holdIn, mayStand } from './state.ts'
import { plainReason } from './struggle.ts'

/**
 * Looks at one target again and again. It is also the connector's canary (C-07): a fresh, authenticated reading each time, so
 * that a credential that was rotated, has expired or may do too much, and what an opening would fail for, is told before the night it is needed.
 */
export function watchTarget(
  site: Site,
  target: string,
): (unlisted: ReadonlySet<GrantId>) => Promise<void> {
  let failures = 0
  return async (unlisted) => {
    const before = explained(site, target)
    const read = await readTarget(site, target)
    if (read.ok) await compare(site, target, unlisted, before, read.value)
    const failed = read.ok ? read.value.lacks : read
    failures = failed.ok ? 0 : failures + 1
    if (failed.ok) return
    const { reason, error } = failed.error
    site.log({ level: 'warn', what: 'target_unready', target, why: plainReason(reason) })
    const isForGood = error instanceof CredentialRefused || error instanceof TargetTaken
    if (isForGood || failures >= failuresToTell) tellUnready(site, target, reason)
  }
}

/** A target that is just restarting is not worth waking somebody for. */
const failuresToTell = 2

type Reading = Readonly<{
  standing: readonly GrantId[]
  strangers: readonly Difference[]
  unreadable: readonly GrantId[]
  excess: readonly Excess[]
  /** Where it is not known, the rest is compared all the same. */
  lacks: Result<readonly string[], TargetFailed>
}>

/** Each call bounded by itself. */
async function readTarget(
  site: Site,
  target: string,
): Promise<Result<Reading, TargetFailed>> {
  const connector = connectorOf(site, target)
  const opened = await askEffect(site, connector, 'open', () => connector.open())
  if (!opened.ok) return opened
  const standing = await askTarget(site, () => connector.standing(target))
  if (!standing.ok) return standing
  const strangers = await askTarget(
    site,
    async () => (await connector.strangers?.(target)) ?? [],
  )
  if (!strangers.ok) return strangers
  const unreadable = await askTarget(
    site,
    async () => (await connector.unreadable?.(target)) ?? [],
  )
  if (!unreadable.ok) return unreadable
  const excess = await askTarget(site, async () => (await connector.excess?.(target)) ?? [])
  if (!excess.ok) return excess
  const privileges = site.guard.targets[target]?.privileges ?? []
  const lacks = await askTarget(
    site,
    async () => (await connector.lacks?.(target, privileges)) ?? [],
  )
  return ok({
    standing: standing.value,
    strangers: strangers.value,
    unreadable: unreadable.value,
    excess: excess.value,
    lacks,
  })
}

/**
 * One target beside the books. `unlisted` are grants applied here that the control plane no longer mentions: absence from a
 * snapshot ends nothing, and is told.
 */
async function compare(
  site: Site,
  target: string,
  unlisted: ReadonlySet<GrantId>,
  before: ReturnType<typeof explained>,
  read: Reading,
): Promise<void> {
  const connector = connectorOf(site, target)
  const standing = new Set(read.standing)
  const after = explained(site, target)
  // Opened or ended while the target was being read: explained either way.
  const stray = [...standing].filter(
    (grant) => !before.all.has(grant) && !after.all.has(grant),
  )
  const gone = [...before.applied].filter(
    (grant) => after.applied.has(grant) && !standing.has(grant),
  )
  const ended = (grant: GrantId) => holdIn(site.books.hold(grant, target), 'absent')
  const drifts = [
    ...stray.map((grant) => ofGrant(ended(grant) ? 'reappeared' : 'unexplained', grant)),
    ...gone.map((grant) => ofGrant('missing', grant)),
    ...[...unlisted]
      .filter((grant) => after.applied.has(grant))
      .map((grant) => ofGrant('unlisted', grant)),
    ...read.unreadable.map((grant) => ofGrant('note_unreadable', grant)),
    ...read.strangers.map(({ what, object }) => ({ what, object, grant: null })),
    ...read.excess
      .filter(({ grave }) => grave)
      .map(({ words }) => ofConnector('connector_excess', words)),
    ...(read.lacks.ok ? read.lacks.value : []).map((words) => ofConnector(lacking, words)),
  ]
  const isLasting = (name: string) => name === unready || name.startsWith(`${lacking} `)
  const lasting = read.lacks.ok ? [] : site.books.drifts(target).filter(isLasting)
  tell(site, target, drifts, lasting)
  for (const grant of stray.filter(ended)) {
    const again = await askTarget(site, () => connector.end(grant, target))
    if (!again.ok) site.log({ level: 'alarm', what: 'reappeared_stands', grant, target })
  }
}

type Drift = Readonly<{ what: string; object: string; grant: GrantId | null }>

const ofConnector = (what: string, object: string): Drift => ({ what, object, grant: null })
const ofGrant = (what: string, grant: GrantId): Drift => ({ what, object: grant, grant })

function explained(site: Site, target: string) {
  const holds = site.books.unfinished().filter((hold) => hold.target === target)
  const standing = holds.filter((hold) => mayStand(hold) || holdIn(hold, 'ending'))
  const [clocks, highestWall] = [site.clock.read(), site.books.highestWall()]
  // What is due may be gone by the target's own clock, before its end was begun here.
  const applied = holds.filter(
    (hold) => holdIn(hold, 'applied') && mustEnd(hold.bound, clocks, highestWall) === null,
  )
  return {
    all: new Set(standing.map(({ grant }) => grant)),
    applied: new Set(applied.map(({ grant }) => grant)),
  }
}

/**
 * What is new is reported; what is over is forgotten, so that it is told again should it come back. `lasting`: the names of what was
 * told and is not known to be over.
 */
function tell(
  site: Site,
  target: string,
  drifts: readonly Drift[],
  lasting: readonly string[],
): void {
  const { books } = site
  const nameOf = ({ what, object }: Drift) => `${what} ${object}`
  const names = [...drifts.map(nameOf), ...lasting]
  const known = books.drifts(target)
  if (names.join('\n') === known.join('\n')) return
  books.atomically(() => {
    const isBack = known.includes(unready) && !lasting.includes(unready)
    for (const drift of isBack ? [...drifts, readyAgain(target)] : drifts) {
      if (known.includes(nameOf(drift))) continue
      const object = blobOf(site, oneLine(nameOf(drift)))
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

const unready = 'connector_unready'
const lacking = 'connector_lacks'

const readyAgain = (target: string): Drift => ({
  what: 'connector_ready',
  object: target,
  grant: null,
})

/** Once while it lasts. What else was known of the target stays known: nothing has been read that says otherwise. */
function tellUnready(site: Site, target: string, reason: string): void {
  const { books } = site
  const known = books.drifts(target)
  if (known.includes(unready)) return
  books.atomically(() => {
    const object = blobOf(site, `${unready} ${plainReason(reason)}`)
    const detail = { kind: 'drifted', what: unready, object: object.commitment } as const
    const subject = { grant: null, target, about: null }
    report(site, subject, detail, { blobs: [object] })
    books.keepDrifts(target, [...known, unready])
  })
}
