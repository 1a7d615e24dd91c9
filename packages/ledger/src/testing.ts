/**
 * One whole emergency, for tests. `tellStory` signs and logs every message of it; a `Plot` bends
 * one thing and leaves the rest good, so that a test sees what that one thing breaks.
 *
 * @module
 */
import type { Digest } from '@halligan/core'
import { type CaseFile, caseFileBytes } from './case-file.ts'
import type { Plot, Story } from './testing-plot.ts'
import { digestOfFirst, Teller } from './testing-story.ts'

export {
  actOf,
  after,
  enforcerId,
  estate,
  genesis,
  grant,
  guard,
  MemoryLog,
  nextRoster,
  note,
  origin,
  pubOf,
  reason,
  sealTo,
  signAct,
  signerOf,
  signRoster,
  start,
  target,
  terms,
} from './testing-estate.ts'
export type { Plot, Story } from './testing-plot.ts'
export { bundle } from './testing-story.ts'

/** Up to the open order, and the evidence for it as an enforcer gets it. */
export function tellStory(plot: Plot = {}): Story {
  return new Teller(plot).tell()
}

/** The story to its end, closed by dee's review, as a case file. */
export function tellWholeStory(plot: Plot = {}): CaseFile {
  const teller = new Teller(plot)
  teller.tell()
  return teller.finish()
}

/** A request that bob denied: a case file small enough to break byte by byte. */
export const tellDeniedStory = (plot: Plot = {}): CaseFile => new Teller(plot).deny()

/** The whole story's bytes, and the digest that an operator would trust. */
export function wholeCase(): { bytes: Uint8Array; rosterDigest: Digest } {
  const file = tellWholeStory()
  return { bytes: caseFileBytes(file), rosterDigest: digestOfFirst(file.rosters) }
}
