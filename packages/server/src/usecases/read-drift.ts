import { ok, type PrincipalId, type Result, refuse } from '@halligan/core'
import type { Urgency } from '@halligan/policy'
import type { Placed, View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import { commitmentsIn } from './evidence.ts'
import { type KeptBlob, keptBlobs } from './read-grants.ts'
import type { Refusal } from './refusal.ts'

export type DriftAsked = Readonly<{ target?: string; limit?: number }>

export type DriftStory = Readonly<{
  targets: readonly Readonly<{ target: string; entries: readonly Placed[] }>[]
  blobs: readonly KeptBlob[]
  /** Of entries that somebody was told of. */
  told: readonly Readonly<{
    index: number
    urgency: Urgency
    to: readonly PrincipalId[]
  }>[]
}>

const mostEntries = 50

/**
 * The latest of each target's own record, whole as it stands in the log so that a reader can follow its chain. Targets are
 * those of the roster; one that is in it no more has to be asked for by its name.
 */
export function readDrift(
  deps: Deps,
  { target, limit = mostEntries }: DriftAsked,
): Result<DriftStory, Refusal> {
  const view = deps.view()
  const below = deps.writer.frontier().head.size
  const known = targetsOf(deps, view)
  const targets = (target === undefined ? known : [target]).map((each) => ({
    target: each,
    entries: view.latestOf(`target/${each}`, below, limit),
  }))
  if (target !== undefined && !known.includes(target) && targets[0]?.entries.length === 0)
    return refuse({ code: 'unknown_target', targets: known })
  const entries = targets.flatMap((each) => each.entries)
  const commitments = new Set(entries.flatMap(({ entry }) => commitmentsIn(entry)))
  return ok({
    targets,
    blobs: keptBlobs(view, [...commitments]),
    told: entries.flatMap(({ index }) => toldOf(view, index)),
  })
}

const targetsOf = (deps: Deps, view: View): readonly string[] =>
  deps.inForce.roster(view).roster.enforcers.flatMap(({ targets }) => targets)

function toldOf(view: View, index: number): DriftStory['told'] {
  const notices = view
    .noticesOfEntry(index)
    .filter(({ kind }) => kind === 'drift_seen')
    .map(({ payload }) => payload)
  if (notices.length === 0) return []
  const urgency = notices.some((payload) => payload.urgency === 'page') ? 'page' : 'tell'
  return [{ index, urgency, to: notices.map(({ to }) => to as PrincipalId) }]
}
