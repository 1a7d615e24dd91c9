import type { Envelope, Result, Roster } from '@halligan/core'
import type { Crypto, Signer } from '@halligan/ledger'
import type { Nonces } from '../nonce.ts'
import type { NoticeSink } from '../notify/sink.ts'
import type { Clock, Random } from '../ports.ts'
import type { IncidentSource } from '../sources/port.ts'
import type { View, Writer, WriterRefusal } from '../store/port.ts'
import type { RosterAnswer } from './accept-roster.ts'
import type { InForce } from './in-force.ts'
import type { RefusalTally } from './record-refusal.ts'
import type { EstateRefusal } from './refusal.ts'

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
  /** Null when no webhook is configured: notices then stay undelivered, and are shown so. */
  sink: NoticeSink | null
  refusals: RefusalTally
  /** Takes the roster that closes this log and opens the next (PROTOCOL 7). */
  leaveSafeMode(
    envelope: Envelope,
    roster: Roster,
  ): Promise<Result<RosterAnswer, EstateRefusal | WriterRefusal>>
}>
