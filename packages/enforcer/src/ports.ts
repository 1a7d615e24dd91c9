/**
 * Everything the daemon takes from outside: time, chance, wake-ups, sealing and the control plane. With these and a
 * connector handed in, a whole enforcer runs inside a test or a simulation.
 *
 * @module
 */
import type { SyncAnswer } from '@halligan/contract'
import type { Commitment, Envelope, Json, Result, SealKey } from '@halligan/core'
import type { Credential } from './connectors/port.ts'
import type { Clocks } from './deadline.ts'

export interface Clock {
  /** Wall clock, boot clock and their standing, read together. */
  read(): Clocks
}

export interface Random {
  bytes(length: number): Uint8Array
}

/** Wakes; never decides. Callers re-read the clock. Delays over a day are cut to a day (TM-05). */
export interface Scheduler {
  after(millis: number, run: () => void): () => void
}

/** What binds a ciphertext to its place; it stands in the protected header. */
export type SealHeader = Readonly<{
  estate: string
  grant: string
  target: string
  orderIndex: number
}>

/** JWE compact: ECDH-ES+A256KW and A256GCM to an X25519 key (RFC 7516, RFC 8037). */
export interface Sealer {
  seal(credential: Credential, to: SealKey, header: SealHeader): Promise<string>
}

export type Blob = Readonly<{ commitment: Commitment; salt: string; text: string }>

/** What the control plane is told: a receipt, and what only travels beside it. */
export type Delivery = Readonly<{
  receipt: Envelope
  sealed?: Readonly<{ jwe: string; revealId: string }>
  blobs: readonly Blob[]
}>

export type Acknowledged = Readonly<{ index: number; entry: Json; proof: string }>

/** Why the control plane gave no answer. Nothing here is believed; everything is tried again. */
export type Unanswered = Readonly<{ code: string; detail: string }>

/** The untrusted other side. Whatever it says is verified; whatever it does not say ends nothing. */
export interface ControlPlane {
  sync(statement: Envelope): Promise<Result<SyncAnswer, Unanswered>>
  deliver(delivery: Delivery): Promise<Result<Acknowledged, Unanswered>>
  /** Calls `wake` whenever the desired state may have moved. Reconnects by itself. Returns what stops it. */
  wakeUps(wake: () => void): () => void
}

/** One line of what the daemon did, for its operator. Never a secret, never a credential. */
export type Note = Readonly<
  { level: 'info' | 'warn' | 'alarm'; what: string } & Record<string, Json>
>

export type Log = (note: Note) => void
