export { parseAct } from './act-shape.ts'
export { base64, base64url, type Codec, hex } from './base64.ts'
export { concat, sameBytes, textOf, utf8 } from './bytes.ts'
export { canonicalBytes, canonicalText, isStrict, parseCanonical } from './canonical.ts'
export type { CaseFailure } from './case-checks.ts'
export {
  buildCaseFile,
  type CaseBlob,
  type CaseEntry,
  type CaseFile,
  type CaseParts,
  caseFileBytes,
  parseCaseFile,
  replay,
} from './case-file.ts'
export {
  type Checkpoint,
  type CheckpointRefusal,
  checkpointText,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from './checkpoint.ts'
export { commit } from './commitment.ts'
export type { Crypto, Signer } from './crypto.ts'
export { digestOf, digestOfBytes, isDigest } from './digest.ts'
export {
  completeEntry,
  type Entry,
  type EntryDraft,
  entryBytes,
  isOwnId,
  maxEntryBytes,
  writeEntry,
} from './entry.ts'
export {
  addSignature,
  type EnvelopeRefusal,
  type EnvelopeRefusalCode,
  isEnvelope,
  type PayloadType,
  pae,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  sealEnvelope,
  type VerifyingKey,
  verifyEnvelope,
} from './envelope.ts'
export type { Evidence, Proved, Situation, Trust } from './evidence.ts'
export { keyIdOf } from './keyid.ts'
export {
  appendLeaf,
  consistencyProof,
  emptyRange,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  type Range,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
export {
  type NoteKey,
  type NoteRefusal,
  type OpenedNote,
  openNote,
  parseVkey,
  signNote,
  vkeyOf,
} from './note.ts'
export {
  maxActAgeMillis,
  maxActivationAgeMillis,
  maxRoundTripMillis,
  maxSkewMillis,
} from './order-steps.ts'
export {
  followRosterChain,
  parseRoster,
  type RosterChain,
  type RosterRefusal,
  type RosterRefusalCode,
  readRoster,
  rosterDigest,
  verifyRosterChain,
  withoutStrays,
} from './roster.ts'
export type { Misshapen } from './shape.ts'
export { parseBeacon, parseDecision, parseOrder, parseReceipt } from './statement-shape.ts'
export {
  defaultLimits,
  type ParseLimits,
  type ParseRefusal,
  type ParseRefusalCode,
  parseStrict,
} from './strict-parser.ts'
export { formatProof, parseProof, type TlogProof } from './tlog-proof.ts'
export {
  type ActRefusal,
  type VerifiedAct,
  verifyAct,
  verifyActSignature,
} from './verify-act.ts'
export { type CaseMember, type CaseReport, verifyCaseFile } from './verify-case.ts'
export {
  type Failure,
  type ProvenGrant,
  type StepNumber,
  type Verdict,
  verifyGrant,
} from './verify-grant.ts'
