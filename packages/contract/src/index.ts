export {
  act,
  actBodies,
  actRequest,
  bundleFiles,
  proposePolicyRequest,
  verbs,
} from './acts.ts'
export type {
  ActAnswer,
  CheckAnswer,
  DriftAnswer,
  EntriesAnswer,
  GrantAnswer,
  HealthAnswer,
  KeyProposal,
  PrepareAnswer,
  ReceiptAnswer,
  ReviewAnswer,
  SealedAnswer,
  StatusAnswer,
  SyncAnswer,
} from './answers.ts'
export { keyProposal, syncAnswer } from './answers.ts'
export { type Founders, founders } from './founders.ts'
export { grant, phases, targetState } from './grant.ts'
export {
  blob,
  commitment,
  digest,
  entry,
  envelope,
  grantId,
  incident,
  instant,
  json,
  keyId,
  placed,
  principalId,
  proved,
  slug,
  terms,
} from './nouns.ts'
export { openApi } from './openapi.ts'
export { type BodyRefusal, type Issue, parseBody, parseValue } from './parse.ts'
export { type Problem, problem, problemMedia, problemOf } from './problem.ts'
export type { RefusalText } from './refusal-text.ts'
export {
  isRefusalCode,
  type RefusalCode,
  refusalCodes,
  refusals,
} from './refusals.ts'
export {
  type CheckRequest,
  type IncidentWebhook,
  incidentWebhook,
  type PrepareRequest,
  type SessionStatement,
  type SyncStatement,
  sessionStatement,
  syncStatement,
} from './requests.ts'
export {
  type AnswerOf,
  type Auth,
  type BodyOf,
  type Media,
  type ParamsOf,
  plainBody,
  type QueryOf,
  type Role,
  type Route,
  receiptBody,
} from './route.ts'
export { pathTo, type RouteId, type Routes, routes } from './routes.ts'
export { facts, ruling } from './ruling.ts'
