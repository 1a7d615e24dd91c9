import type { GrantId, PrincipalId } from './id.ts'
import type { Commitment, Digest, KeyId } from './json.ts'
import type { PrincipalKind } from './principal.ts'
import type { Terms } from './terms.ts'
import type { Instant } from './time.ts'

/** The X25519 public key, as a JWK (RFC 8037), to which an enforcer seals a credential. */
export type SealKey = Readonly<{ kty: 'OKP'; crv: 'X25519'; x: string }>

export type Finding = 'justified' | 'excessive' | 'misused'

export type FollowUp = Readonly<{
  owner: PrincipalId
  noteCommitment: Commitment
  due: Instant
}>

/** What each verb says beyond who, on which grant and to which terms. */
export type ActBody = Readonly<{
  request: Readonly<{ terms: Terms }>
  approve: Readonly<Record<string, never>>
  deny: Readonly<{ noteCommitment?: Commitment }>
  withdraw: Readonly<Record<string, never>>
  activate: Readonly<{ sealTo: SealKey }>
  revoke: Readonly<{ noteCommitment?: Commitment }>
  return: Readonly<Record<string, never>>
  reveal: Readonly<{ target: string; sealTo: SealKey }>
  attest: Readonly<{ target: string; noteCommitment: Commitment }>
  review: Readonly<{
    finding: Finding
    evidenceDigest: Digest
    followUps: readonly FollowUp[]
    noteCommitment: Commitment
  }>
  open_incident: Readonly<{
    incident: string
    severity: number
    systems: readonly string[]
    titleCommitment: Commitment
  }>
  close_incident: Readonly<{ incident: string }>
  propose_policy: Readonly<{ bundleDigest: Digest }>
  approve_policy: Readonly<{ bundleDigest: Digest }>
  /** `codeDigest` is the SHA-256 of the single-use code, which the server never sees beforehand. */
  invite: Readonly<{
    person: PrincipalId
    kind: PrincipalKind
    owner: PrincipalId | null
    codeDigest: Digest
  }>
}>

export type Verb = keyof ActBody

/** A consequential statement by a principal. Its digest is its idempotency key. */
export type ActOf<V extends Verb> = Readonly<{
  type: 'halligan/act/v1'
  estate: string
  verb: V
  grant?: GrantId
  termsDigest?: Digest
  by: PrincipalId
  keyId: KeyId
  nonce: string
  /** Informative. The server's clock decides (TM-07). */
  at: Instant
  body: ActBody[V]
}>

export type Act = { [V in Verb]: ActOf<V> }[Verb]
