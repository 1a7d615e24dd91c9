import type { Envelope, Result, Roster } from '@halligan/core'
import type { Crypto, Signer } from '@halligan/ledger'
import type { Nonces } from '../nonce.ts'
import type { NoticeLane } from '../notify/lane.ts'
import type { Clock, Random } from '../ports.ts'
import type { IncidentSource } from '../sources/port.ts'
import type { View, Writer, WriterRefusal } from '../store/port.ts'
import type { RosterAnswer } from './accept-roster.ts'
import type { InForce } from './in-force.ts'
import type { RefusalTally } from './record-refusal.ts'
import type { EstateRefusal } from './refusal.ts'
import type { EndsLooks } from './watch-ends.ts'

/** What every verb may touch. Composed once, in `main.ts`. */
export type Deps = Readonly<{
  writer: Writer
  /** What is durable now. */
  view(): View
  crypto: Crypto
  clock: Pick<Clock, 'now'>
  random: Random
  /** Signs decisions and orders. */
  issuer: Signer
  nonces: Nonces
  inForce: InForce
  sources: readonly IncidentSource[]
  /** Where notices go. With none, they stay undelivered and are shown so. */
  lanes: readonly NoticeLane[]
  refusals: RefusalTally
  /** How fast ends are proven, since this process started. */
  ends: EndsLooks
  /** Takes the roster that closes this log and opens the next (PROTOCOL 7). */
  leaveSafeMode(
    envelope: Envelope,
    roster: Roster,
  ): Promise<Result<RosterAnswer, EstateRefusal | WriterRefusal>>
}>
