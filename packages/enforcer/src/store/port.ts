import type { Digest, Envelope, GrantId, Instant } from '@halligan/core'
import type { Delivery } from '../ports.ts'
import type { Hold } from '../state.ts'

export type Head = Readonly<{ origin: string; size: number; root: string }>

/** The highest that was ever accepted of each, so that nothing older is believed again (INV-15). */
export type TrustSeen = Readonly<{
  /** From the pinned genesis or version upward, in order; empty until enrolled. */
  rosters: readonly Envelope[]
  checkpoint: Head | null
}>

export type Outgoing = Readonly<{ seq: number; digest: Digest; delivery: Delivery }>

/**
 * The enforcer's own memory. Synchronous, and durable when a call returns: what is written is on disk before any effect
 * that rests on it. What the disk does not take throws `BooksUnwritable`, and then nothing of the transaction stands; what is
 * unfinished, the highest wall clock and the trust are answered from memory whatever becomes of the disk. A `Books` belongs to one process; a second that opens the same one is refused with `StateTaken`.
 */
export interface Books {
  /** All of `work` or nothing of it. Nested calls join the outer one. */
  atomically<T>(work: () => T): T
  /**
   * As `atomically`, in one transaction with all that is asked for in the same turn of the event loop: resolves once it is
   * on disk. What `work` read before has to be read again in it.
   */
  together<T>(work: () => T): Promise<T>
  /** `none` for what was never heard of. */
  hold(grant: GrantId, target: string): Hold
  /** Every hold that still has something to do: all but refused, and absent and cleaned. */
  unfinished(): readonly Hold[]
  keepHold(hold: Hold): void
  /**
   * An ending that the disk did not take. `hold` and `unfinished` answer it from memory, so that it goes on (INV-18), until
   * `written` says that it is on disk now. Gone with the process.
   */
  holdUnwritten(hold: Hold): void
  isUnwritten(grant: GrantId, target: string): boolean
  written(grant: GrantId, target: string): void
  /** The highest order index let through for this account or role, or null. */
  fence(overlapKey: string): number | null
  /** Never lowers. */
  raiseFence(overlapKey: string, index: number): void
  highestWall(): Instant
  keepHighestWall(wall: Instant): void
  trust(): TrustSeen
  keepTrust(trust: TrustSeen): void
  generation(): number
  keepGeneration(generation: number): void
  /** The last receipt ever appended, acknowledged or not: the next one chains to it. */
  lastReceipt(): Readonly<{ seq: number; digest: Digest }> | null
  appendReceipt(outgoing: Outgoing): void
  /** Oldest first. */
  outgoing(limit: number): readonly Outgoing[]
  /** Only against an inclusion proof. */
  forgetReceipt(seq: number): void
  /** Whether this very order was refused before: a snapshot repeats it. */
  wasRefused(order: Digest): boolean
  noteRefused(order: Digest): void
  /** What is reported as drift now, so that a standing fact is told once. */
  drifts(target: string): readonly string[]
  keepDrifts(target: string, drifts: readonly string[]): void
  shelf: SecretShelf
  close(): void
}

/** A connector's own notes per grant, encrypted at rest (e.g. a probe password). Dropped once the grant is cleaned up. */
export interface SecretShelf {
  put(grant: GrantId, target: string, secret: string): void
  get(grant: GrantId, target: string): string | null
  drop(grant: GrantId, target: string): void
}

/**
 * The sealed store of shared accounts' secrets (age, X25519), which never leaves this host but sealed to a requester.
 * `propose` is on disk before the target is asked to take the new secret; `confirm` once the target was seen to take it. In
 * between, after a crash, any may be the one that works: until one is confirmed, none that was ever proposed is given up.
 */
export interface Vault {
  secrets(target: string, account: string): Promise<VaultSecrets>
  propose(target: string, account: string, secret: string): Promise<void>
  /** The last proposal becomes the current one, and all others are given up. Nothing proposed: nothing changes. */
  confirm(target: string, account: string): Promise<void>
  /** The last proposal is given up, and the one before it is the last again: the target has said that it has not taken it. */
  withdraw(target: string, account: string): Promise<void>
}

export type VaultSecrets = Readonly<{
  current: string | null
  /** The last proposal. */
  proposed: string | null
  /** Proposals before it that were not confirmed either, oldest first, as far as they can be read. */
  earlier: readonly string[]
  /**
   * In words, with what to do, why the current or the proposed secret cannot be read; then it is null here. It may be the one that
   * works, and whoever opens the vault offline may still read it.
   */
  unreadable: readonly string[]
}>

export class StateTaken extends Error {
  override readonly name = 'StateTaken'
}

/** A full, read-only or failing disk. To be tried again: it may work by then (S-01). */
export class BooksUnwritable extends Error {
  override readonly name = 'BooksUnwritable'
}
