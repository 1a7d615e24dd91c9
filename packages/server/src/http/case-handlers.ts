import { type Digest, type Grant, ok } from '@halligan/core'
import { buildCaseFile, caseFileBytes } from '@halligan/ledger'
import type { Placed, View } from '../store/port.ts'
import { evidenceOf } from '../usecases/evidence.ts'
import type { Handlers } from './handler.ts'
import { grantNamed, keptText, type ReadDeps } from './read-handlers.ts'

/** Whoever may read a grant may take its proof away. The bytes are canonical and sent as they are. */
export const caseHandlers = (deps: ReadDeps): Pick<Handlers, 'case_file'> => ({
  case_file: async ({ params }) => {
    const grant = grantNamed(deps.view(), params.grant)
    return grant.ok ? ok(caseOf(deps, grant.value)) : grant
  },
})

/** Built without waiting for anything: every proof is to the one frontier. */
function caseOf(deps: ReadDeps, grant: Grant): Uint8Array {
  const view = deps.view()
  const { head, checkpoint } = deps.writer.frontier()
  const entries = view
    .entriesOf(`grant/${grant.id}`)
    .filter(({ index }) => index < head.size)
  const { blobs } = evidenceOf(deps.crypto, view, grant.id)
  return caseFileBytes(
    buildCaseFile({
      estate: grant.terms.estate,
      grant: grant.id,
      rosters: view.rosters(),
      checkpoint,
      entries: entries.map(({ index }) => deps.log.proveEntry(index)),
      blobs: blobs.flatMap((commitment) => keptText(view, commitment)),
      bundle: bundleOf(view, entries),
    }),
  )
}

/** The bundle in force at activation, or at the ruling when there was none. */
function bundleOf(view: View, entries: readonly Placed[]) {
  const judged = entries.findLast(({ entry }) =>
    ['activated', 'ruled'].includes(entry.kind),
  )
  return judged === undefined ? null : view.bundleFiles(judged.entry.bundleDigest as Digest)
}
