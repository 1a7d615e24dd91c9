/**
 * What a client already believes, and what it therefore refuses to hear. Starting from a digest that the operator gave,
 * never the server, it only ever moves forward: a lower roster, a shorter log or another history is a deception.
 *
 * @module
 */
import type { Digest, Envelope, Result, Roster, RosterLog } from '@halligan/core'
import { currentLog, ok } from '@halligan/core'
import {
  base64,
  type Crypto,
  openCheckpoint,
  verifyConsistency,
  verifyRosterChain,
} from '@halligan/ledger'
import { type ClientRefusal, deceived } from './refusal.ts'

/** Size and root of a log, as a signed checkpoint stated them. `root` is standard base64. */
export type Head = Readonly<{ origin: string; size: number; root: string }>

export type Trust = Readonly<{
  estate: string
  /** Pinned by the operator, e.g. printed by the genesis ceremony. */
  rosterDigest: Digest
  /** The longest chain accepted so far. */
  rosters: readonly Envelope[]
  /** The highest checkpoint accepted so far. */
  checkpoint: Head | null
}>

/** Keeps a {@link Trust} between runs. `keep` must not lose a higher state that another process kept. */
export interface TrustStore {
  load(): Promise<Trust>
  keep(trust: Trust): Promise<void>
}

export type Rosters = Readonly<{ latest: Roster; all: readonly Roster[]; digest: Digest }>

/** The chain, proven from the pinned digest, and nowhere behind or beside what was accepted before. */
export function acceptRosters(
  crypto: Crypto,
  trust: Trust,
  chain: readonly Envelope[],
): Result<Rosters, ClientRefusal> {
  const verified = verifyRosterChain(crypto, chain, { digest: trust.rosterDigest })
  if (!verified.ok)
    return deceived('roster_untrusted', `the roster chain fails: ${verified.error.code}`)
  const { rosters, digests } = verified.value
  const [latest, digest] = [rosters.at(-1), digests.at(-1)]
  if (latest === undefined || digest === undefined)
    return deceived('roster_untrusted', 'the roster chain is empty')
  if (latest.estate !== trust.estate)
    return deceived('roster_untrusted', `the roster is of ${latest.estate}`)
  const before = trust.rosters
  if (chain.length < before.length)
    return deceived(
      'roster_rolled_back',
      `version ${chain.length} is offered, ${before.length} was accepted before`,
    )
  const fork = before.findIndex((roster, i) => roster.payload !== chain[i]?.payload)
  if (fork !== -1)
    return deceived('roster_forked', `roster ${fork + 1} is not the one accepted before`)
  return ok({ latest, all: rosters, digest })
}

/** Hashes in standard base64 that prove the log grew from one size to another. */
export type ProveGrowth = (
  from: number,
  to: number,
) => Promise<Result<readonly string[], ClientRefusal>>

/** The head that `note` signs, if the log only grew since the checkpoint that was seen before. */
export async function acceptCheckpoint(
  crypto: Crypto,
  seen: Head | null,
  rosters: Rosters,
  note: string,
  proveGrowth: ProveGrowth,
): Promise<Result<Head, ClientRefusal>> {
  const opened = openCheckpoint(crypto, note, rosters.latest.logs)
  if (!opened.ok)
    return deceived('checkpoint_unsigned', `the checkpoint fails: ${opened.error.code}`)
  const { origin, size, root } = opened.value
  const head = { origin, size, root }
  if (seen === null) return ok(head)
  if (seen.origin !== origin) return acceptOrigin(rosters.latest, seen, head)
  if (size < seen.size)
    return deceived(
      'checkpoint_rolled_back',
      `the log has ${size} entries, ${seen.size} were seen before`,
    )
  if (size === seen.size)
    return root === seen.root
      ? ok(head)
      : deceived('checkpoint_forked', `two roots are signed for ${size} entries`)
  return proveThat(crypto, seen, head, proveGrowth)
}

async function proveThat(
  crypto: Crypto,
  seen: Head,
  head: Head,
  proveGrowth: ProveGrowth,
): Promise<Result<Head, ClientRefusal>> {
  const proof = await proveGrowth(seen.size, head.size)
  if (!proof.ok) return proof
  return grewFrom(crypto, seen, head, proof.value)
    ? ok(head)
    : deceived(
        'checkpoint_forked',
        `${head.size} entries do not continue the ${seen.size} seen before`,
      )
}

function grewFrom(crypto: Crypto, from: Head, to: Head, proof: readonly string[]): boolean {
  const hashes = proof.map((hash) => base64.decode(hash)).filter((hash) => hash !== null)
  const [fromRoot, toRoot] = [base64.decode(from.root), base64.decode(to.root)]
  if (fromRoot === null || toRoot === null || hashes.length !== proof.length) return false
  return verifyConsistency(crypto, hashes, from.size, to.size, fromRoot, toRoot)
}

/** Only the trustees can move the estate to another log, by a roster that closes the one before (PROTOCOL 7). */
function acceptOrigin(roster: Roster, seen: Head, head: Head): Result<Head, ClientRefusal> {
  if (head.origin !== currentLog(roster).origin)
    return deceived('checkpoint_rolled_back', `${head.origin} is not the current log`)
  const closed = roster.logs.find(({ origin }) => origin === seen.origin)
  return closed !== undefined && closedAtOrAfter(closed, seen)
    ? ok(head)
    : deceived(
        'checkpoint_forked',
        `no roster closed ${seen.origin} at what was seen of it`,
      )
}

const closedAtOrAfter = ({ toSize, toRoot }: RosterLog, seen: Head): boolean =>
  toSize !== undefined &&
  (toSize > seen.size || (toSize === seen.size && toRoot === seen.root))
