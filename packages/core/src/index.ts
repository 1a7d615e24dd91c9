export type { Act, ActBody, ActOf, Finding, FollowUp, SealKey, Verb } from './act.ts'
export type { Brand } from './brand.ts'
export { decide, decideRequest, judgeActivation } from './decide.ts'
export {
  createEndsWatch,
  type EndsBacklog,
  type EndsTurn,
  type EndsWatch,
} from './ends-watch.ts'
export { floor, floorForbids, isDrill, lifeLimit } from './floor.ts'
export {
  confersAccess,
  endedPhases,
  endingPhases,
  evolve,
  type Grant,
  type GrantIn,
  isIn,
  isSettled,
  type OpenedGrant,
  openedPhases,
  type Phase,
  type Review,
} from './grant.ts'
export type {
  Activation,
  GrantCommand,
  IssuedOrder,
  Request,
  Revalidation,
  Standing,
  Verdict,
} from './grant-command.ts'
export type { GrantEvent } from './grant-event.ts'
export type { Guard, TargetGuard } from './guard.ts'
export {
  type GrantId,
  isSlug,
  type MalformedId,
  type PrincipalId,
  parseGrantId,
  parsePrincipalId,
} from './id.ts'
export type { Incident, IncidentEvent } from './incident.ts'
export type { Commitment, Digest, Envelope, Json, KeyId, Proof } from './json.ts'
export {
  type Beacon,
  type Decision,
  type EndCause,
  type EndOrder,
  type OpenOrder,
  type Order,
  overlapKeyOf,
  type ResealOrder,
  type RevokeStep,
  revokePlan,
} from './order.ts'
export {
  accountablePerson,
  closureOf,
  type Directory,
  type Principal,
  type PrincipalKey,
  type PrincipalKind,
} from './principal.ts'
export {
  type EndingCause,
  isShown,
  type ProbeResult,
  type Receipt,
  type ReceiptDetail,
  type ReceiptKind,
  showAbsence,
  type Work,
} from './receipt.ts'
export type { GrantRefusal } from './refusal.ts'
export { ok, type Result, refuse } from './result.ts'
export {
  currentLog,
  directoryOf,
  type Roster,
  type RosterEnforcer,
  type RosterIssuer,
  type RosterLog,
} from './roster.ts'
export type { ClosedRoute, Facts, RouteTerms, Ruling, StepUp } from './ruling.ts'
export {
  orderedTarget,
  owesRotation,
  reported,
  type TargetState,
  type Trouble,
} from './target.ts'
export type { RouteName, Terms, TermsTarget } from './terms.ts'
export { earliest, type Instant, secondsAfter } from './time.ts'
