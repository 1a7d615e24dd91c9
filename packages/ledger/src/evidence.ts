/**
 * What is put before a verifier, and what of it can be read at all. Nothing here is believed yet: claims are
 * read so that every step of `verifyGrant` can judge even when another has already failed.
 *
 * @module
 */
import type {
  Act,
  Decision,
  Digest,
  Envelope,
  Instant,
  Json,
  OpenOrder,
  Result,
  Roster,
} from '@halligan/core'
import { parseAct } from './act-shape.ts'
import { canonicalBytes, isStrict } from './canonical.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import type { Crypto } from './crypto.ts'
import { digestOfBytes } from './digest.ts'
import { isEnvelope, type PayloadType, payloadTypes, readEnvelope } from './envelope.ts'
import { followRosterChain, type RosterChain, type RosterRefusal } from './roster.ts'
import { isRecord, type Misshapen } from './shape.ts'
import { parseDecision, parseOrder } from './statement-shape.ts'
import { parseProof, type TlogProof } from './tlog-proof.ts'

/** An entry of the log and its `tlog-proof` text. */
export type Proved = Readonly<{ entry: Json; proof: string }>

/** Everything that speaks for one open order. */
export type Evidence = Readonly<{
  /** First version first; it reaches back to the pinned one at least. */
  rosters: readonly Envelope[]
  /** Signed note. Every proof must be to exactly this text. */
  checkpoint: string
  /** base64 hashes from the checkpoint last seen; null when none was, or when its origin is closed. */
  consistency: readonly string[] | null
  beacon: Envelope | null
  /** The `ordered` entry. */
  order: Proved
  /** The `activated` entry: decision and activate act. */
  decision: Proved
  /** The `requested` entry. */
  request: Proved
  /** The `approval_given` entries, in the decision's order. */
  approvals: readonly Proved[]
}>

/** What the verifier knew before. */
export type Trust = Readonly<{
  estate: string
  /** The highest roster version accepted, or the one the operator gave. */
  rosterDigest: Digest
  checkpointSeen: Checkpoint | null
}>

/** Where an enforcer stands at the moment of judging. */
export type Situation = Readonly<{
  beaconNonce: string
  roundTripMillis: number
  wallNow: Instant
  /** Of this grant on this target; anything but `none` means that it was acted on before. */
  localState: string
  /** Highest order index held for the order's overlap key. */
  fence: number | null
}>

/** One entry, and the signed statement that it carries. Null is what could not be read. */
export type Claim<T> = Readonly<{
  name: string
  entry: { readonly [member: string]: Json } | null
  /** The entry's canonical bytes. */
  leaf: Uint8Array | null
  proof: TlogProof | null
  envelope: Envelope | null
  statement: T | null
  /** Of the statement's payload. */
  digest: Digest | null
  /** Why there is no statement. */
  reason: string
}>

export type Claims = Readonly<{
  evidence: Evidence
  /** Consistent with itself; trusted by nobody yet. */
  chain: Result<RosterChain, RosterRefusal>
  latest: Roster | null
  checkpoint: Checkpoint | null
  order: Claim<OpenOrder>
  decision: Claim<Decision>
  request: Claim<Act>
  activate: Claim<Act>
  approvals: readonly Claim<Act>[]
}>

export function readClaims(crypto: Crypto, evidence: Evidence): Claims {
  const chain = followRosterChain(crypto, evidence.rosters)
  const { checkpoint, order, decision, request, approvals } = evidence
  const claimed = <T>(name: string, from: Proved, carried: Carried<T>) =>
    readClaim(crypto, name, from, carried)
  return {
    evidence,
    chain,
    latest: chain.ok ? (chain.value.rosters.at(-1) ?? null) : null,
    checkpoint: parseCheckpoint(checkpoint.slice(0, checkpoint.lastIndexOf('\n\n') + 1)),
    order: claimed('order', order, anOrder),
    decision: claimed('decision', decision, aDecision),
    request: claimed('request', request, anAct('requested')),
    activate: claimed('activate', decision, anAct('activated')),
    approvals: approvals.map((approval, i) =>
      claimed(`approvals[${i}]`, approval, anAct('approval_given')),
    ),
  }
}

type Carried<T> = Readonly<{
  kind: string
  member: string
  type: PayloadType
  parse(value: Json): Result<T, Misshapen>
}>

const anOrder: Carried<OpenOrder> = {
  kind: 'ordered',
  member: 'order',
  type: payloadTypes.order,
  parse: (value) => {
    const parsed = parseOrder(value)
    if (!parsed.ok) return parsed
    return parsed.value.op === 'open'
      ? { ok: true, value: parsed.value }
      : { ok: false, error: { code: 'misshapen', reason: 'op: open' } }
  },
}

const aDecision: Carried<Decision> = {
  kind: 'activated',
  member: 'decision',
  type: payloadTypes.decision,
  parse: parseDecision,
}

const anAct = (kind: string): Carried<Act> => ({
  kind,
  member: 'act',
  type: payloadTypes.act,
  parse: parseAct,
})

function readClaim<T>(
  crypto: Crypto,
  name: string,
  { entry, proof }: Proved,
  { kind, member, type, parse }: Carried<T>,
): Claim<T> {
  const fits = isStrict(entry) && isRecord(entry) && entry.kind === kind
  const claim = {
    name,
    entry: fits ? entry : null,
    leaf: fits ? canonicalBytes(entry) : null,
    proof: typeof proof === 'string' ? parseProof(proof) : null,
  }
  const envelope = claim.entry?.[member]
  const nothing = { ...claim, envelope: null, statement: null, digest: null }
  if (!isEnvelope(envelope))
    return { ...nothing, reason: `no ${kind} entry with its ${member}` }
  const read = readEnvelope(type, envelope)
  if (!read.ok) return { ...nothing, envelope, reason: read.error.reason }
  const digest = digestOfBytes(crypto, read.value.bytes)
  const parsed = parse(read.value.value)
  if (!parsed.ok)
    return { ...claim, envelope, statement: null, digest, reason: parsed.error.reason }
  return { ...claim, envelope, statement: parsed.value, digest, reason: '' }
}
