export { type Bundle, type BundleFiles, bundleLimits, loadBundle } from './bundle.ts'
export { engine, type Policy } from './cedar.ts'
export { checkBundle } from './check.ts'
export { type DriftPolicy, driftUrgency, type Urgency } from './drift.ts'
export {
  type Entitlement,
  type Estate,
  entitlementOf,
  everyone,
  groupsOf,
  membersOf,
  onCallFor,
  reviewersOf,
  routesOf,
  type System,
  systemOf,
  systemsOf,
} from './estate.ts'
export { lintBundle } from './lint.ts'
export { localTime } from './local-time.ts'
export { type Action, type Ask, actions, type Permission } from './permits.ts'
export { isUnjudged } from './privileges.ts'
export type { BundleProblem } from './problem.ts'
export type { People } from './reach.ts'
export { type RecordedRuling, type Replay, replayRuling } from './replay.ts'
export { resolveTerms, type TermsAsk, type TermsRefusal } from './resolve-terms.ts'
export { noIncident, type TrialResult, testBundle } from './trial.ts'
