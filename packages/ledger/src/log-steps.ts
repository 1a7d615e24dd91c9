/**
 * Steps 1 to 4 of PROTOCOL 3.6: whose word this is, and that the log holds it.
 *
 * @module
 */
import { currentLog, type Roster } from '@halligan/core'
import { base64 } from './base64.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { Crypto } from './crypto.ts'
import { payloadTypes, verifyEnvelope } from './envelope.ts'
import type { Claim, Claims } from './evidence.ts'
import { issuersAt } from './issuers.ts'
import { leafHash, verifyConsistency, verifyInclusion } from './merkle.ts'
import { type Faults, fault, type Judged } from './step.ts'

/** 1. The roster chain leads from the pinned version, and everything is of the one estate. */
export function* rosterChain({ claims, trust }: Judged): Faults {
  const { chain, latest, decision, order } = claims
  if (!chain.ok) yield fault(chain.error.code, chain.error.reason)
  else if (!chain.value.digests.includes(trust.rosterDigest))
    yield fault('untrusted_roster', `no version is the pinned ${trust.rosterDigest}`)
  const estates = [
    ['roster', latest?.estate],
    ['decision', decision.statement?.estate],
    ['order', order.statement?.estate],
  ] as const
  for (const [name, estate] of estates)
    if (estate !== undefined && estate !== trust.estate)
      yield fault('other_estate', `${name}: ${estate}, not ${trust.estate}`)
  const version = decision.statement?.rosterVersion
  if (latest !== null && version !== undefined && version > latest.version)
    yield fault('roster_missing', `the decision was made under version ${version}`)
}

/** 2. The roster's log key signed the checkpoint, and it extends the one last seen. */
export function* checkpoint({ crypto, claims, trust, situation }: Judged): Faults {
  const { latest, checkpoint: claimed, evidence } = claims
  if (latest === null || claimed === null) {
    if (claimed === null) yield fault('malformed_checkpoint', 'not a checkpoint')
    return
  }
  const opened = openCheckpoint(crypto, evidence.checkpoint, latest.logs)
  if (!opened.ok) yield fault(opened.error.code, opened.error.reason)
  if (situation !== null && claimed.origin !== currentLog(latest).origin)
    yield fault('log_closed', `${claimed.origin} is not the log written now`)
  const seen = trust.checkpointSeen
  if (seen === null) return
  if (seen.origin !== claimed.origin) {
    if (!isClosedBefore(latest, seen, claimed.origin))
      yield fault('other_origin', `${claimed.origin} does not succeed ${seen.origin}`)
  } else if (claimed.size < seen.size) {
    yield fault('rolled_back', `size ${claimed.size} after ${seen.size}`)
  } else if (!isExtension(crypto, seen, claimed, evidence.consistency)) {
    yield fault('inconsistent', `size ${claimed.size} does not extend ${seen.size}`)
  }
}

/** 3. Order and decision: exact types, canonical bytes, an issuer key in validity. */
export function* issuerStatements({ crypto, claims }: Judged): Faults {
  const { latest, order, decision, checkpoint: claimed } = claims
  const both = [
    [order, payloadTypes.order, order.statement?.issuedAt],
    [decision, payloadTypes.decision, decision.statement?.issuedAt],
  ] as const
  for (const [claim, type, issuedAt] of both) {
    const { name, envelope, proof } = claim
    if (envelope === null || issuedAt === undefined) {
      yield fault(`malformed_${name}`, `${name}: ${claim.reason}`)
      continue
    }
    if (latest === null || proof === null || claimed === null) continue
    const place = { origin: claimed.origin, index: proof.index }
    const keys = issuersAt(latest, issuedAt, place)
    const verified = verifyEnvelope(crypto, type, envelope, keys)
    if (!verified.ok) yield fault(verified.error.code, `${name}: ${verified.error.reason}`)
  }
}

/** 4. The log holds exactly these bytes, under exactly this checkpoint (AU-11). */
export function* inclusion({ crypto, claims }: Judged): Faults {
  const { order, decision, request, activate, approvals } = claims
  for (const claim of [order, decision, request, activate, ...approvals]) {
    if (claim.envelope === null)
      yield fault('wrong_entry', `${claim.name}: ${claim.reason}`)
    else if (!isIncluded(crypto, claim, claims))
      yield fault('not_included', `${claim.name}: its entry is not under the checkpoint`)
  }
}

function isIncluded(crypto: Crypto, claim: Claim<unknown>, claims: Claims): boolean {
  const { checkpoint: claimed, evidence } = claims
  const { proof, leaf } = claim
  if (claimed === null) return true
  if (proof === null || leaf === null || proof.checkpoint !== evidence.checkpoint)
    return false
  const hash = leafHash(crypto, leaf)
  const root = base64.decode(claimed.root)
  return (
    root !== null &&
    verifyInclusion(crypto, proof.hashes, proof.index, claimed.size, hash, root)
  )
}

function isExtension(
  crypto: Crypto,
  seen: { size: number; root: string },
  claimed: { size: number; root: string },
  consistency: readonly string[] | null,
): boolean {
  const hashes = (consistency ?? []).map((hash) => base64.decode(hash))
  const [from, to] = [base64.decode(seen.root), base64.decode(claimed.root)]
  if (from === null || to === null) return false
  const proof = hashes.filter((hash) => hash?.length === 32)
  if (proof.length !== hashes.length) return false
  return verifyConsistency(crypto, proof as Uint8Array[], seen.size, claimed.size, from, to)
}

/** Whether the roster closed `seen`'s log no earlier than `seen`, and opened `next` after it. */
function isClosedBefore(
  { logs }: Roster,
  seen: { origin: string; size: number; root: string },
  next: string,
): boolean {
  const old = logs.findIndex(({ origin }) => origin === seen.origin)
  const now = logs.findIndex(({ origin }) => origin === next)
  const { toSize, toRoot } = logs[old] ?? {}
  if (old < 0 || now <= old || toSize === undefined || seen.size > toSize) return false
  return seen.size < toSize || toRoot === undefined || toRoot === seen.root
}
