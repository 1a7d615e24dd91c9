/**
 * One whole emergency, for tests. `tellStory` signs and logs every message of it; a `Plot` bends
 * one thing and leaves the rest good, so that a test sees what that one thing breaks.
 *
 * @module
 */
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
export {
  bundle,
  tellDeniedStory,
  tellStory,
  tellWholeStory,
  wholeCase,
} from './testing-story.ts'
