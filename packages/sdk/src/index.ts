export { type Authenticator, deviceKey } from './authenticator.ts'
export {
  type Accepted,
  Client,
  type ClientOptions,
  createClient,
  type Draft,
  type PreparedRequest,
  type Text,
} from './client.ts'
export {
  type Asked,
  compareTerms,
  type Difference,
  type TermsDiffer,
} from './compare-terms.ts'
export { type Found, verifyDriftAnswer } from './drift-answer.ts'
export { type ServerEvent, serverEvents } from './events.ts'
export {
  type GrantAnswer,
  type KeptText,
  type ReadGrant,
  verifyGrantAnswer,
} from './grant-answer.ts'
export { type Included, type ProvedEntry, verifyIncluded } from './included.ts'
export { type ClientRefusal, type DeceptionCode, deceived } from './refusal.ts'
export { type Opened, openSealed, type PrivateSealKey, type Sealed } from './sealed.ts'
export { openSession, type Session } from './session.ts'
export { type CallInput, createTransport, type Fetch, type Transport } from './transport.ts'
export {
  acceptCheckpoint,
  acceptRosters,
  type Head,
  type ProveGrowth,
  type Rosters,
  type Trust,
  type TrustStore,
} from './trust.ts'
