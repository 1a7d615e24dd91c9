import { type Digest, type GrantId, ok, type Result, refuse } from '@halligan/core'
import { buildCaseFile, caseFileBytes } from '@halligan/ledger'
import type { Log } from '../log.ts'
import type { View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import { blobsOf } from './read-grants.ts'
import type { Refusal } from './refusal.ts'

/** The case file of one grant, as bytes: everything needed to verify it without this server. */
export function buildCase(
  deps: Deps,
  log: Pick<Log, 'proveEntry'>,
  id: GrantId,
): Result<Uint8Array, Refusal> {
  const view = deps.view()
  const grant = view.grant(id)
  if (grant === null) return refuse({ code: 'unknown_grant' })
  const { head, checkpoint } = deps.writer.frontier()
  const placed = view.entriesOf(`grant/${id}`).filter(({ index }) => index < head.size)
  const file = buildCaseFile({
    estate: grant.terms.estate,
    grant: id,
    rosters: view.rosters(),
    checkpoint,
    entries: placed.map(({ index }) => log.proveEntry(index)),
    blobs: blobsOf(deps, view, id),
    bundle: bundleThatRuled(view, id),
  })
  return ok(caseFileBytes(file))
}

/** In force at activation, or at the ruling when the grant was never activated. */
function bundleThatRuled(view: View, id: GrantId): ReturnType<View['bundleFiles']> {
  const ruled = view
    .entriesOf(`grant/${id}`)
    .findLast(({ entry }) => entry.kind === 'activated' || entry.kind === 'ruled')
  return ruled === undefined ? null : view.bundleFiles(ruled.entry.bundleDigest as Digest)
}
