import { type CaseReport, parseCaseFile } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { loadBundle, type RecordedRuling, replayRuling } from '@halligan/policy'

export type Replayed = Readonly<{
  /** `ok`, `DIFFERS`, or `-` when nothing can be said. */
  mark: string
  detail: string
  differs: boolean
}>

/**
 * The second verdict on a case: whether its own policy bundle, given the recorded facts, rules the same again (INV-19).
 * Another engine version says nothing, and says so.
 */
export function replayCase(bytes: Uint8Array, report: CaseReport): Replayed {
  const parsed = parseCaseFile(bytes)
  if (report.verdict === 'failed' || !parsed.ok) return silent('the case itself failed')
  const { bundle: files, entries } = parsed.value
  if (files === null) return silent('the case holds no bundle')
  const bundle = loadBundle(nodeCrypto, files)
  if (!bundle.ok) return silent('not replayed: the bundle does not load here')
  const ruled = entries.find(({ entry }) => entry.kind === 'ruled')
  if (ruled === undefined) return silent('no ruling was recorded')
  const recorded = ruled.entry as unknown as RecordedRuling
  const replay = replayRuling(bundle.value, recorded)
  switch (replay.verdict) {
    case 'replayed':
      return { mark: 'ok', detail: `replayed by ${recorded.engine}`, differs: false }
    case 'not_replayed':
      return silent(`not replayed: ${replay.why}`)
    case 'differs':
      return {
        mark: 'DIFFERS',
        detail: `the bundle rules otherwise on ${replay.routes.join(', ')}`,
        differs: true,
      }
  }
}

const silent = (detail: string): Replayed => ({ mark: '-', detail, differs: false })
