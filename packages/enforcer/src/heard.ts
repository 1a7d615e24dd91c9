import type { SyncAnswer } from '@halligan/contract'
import type { Instant, Roster } from '@halligan/core'
import type { Head, TrustSeen } from './store/port.ts'

/** One answer of the control plane, when it was asked for, and what was believed before it came. */
export type Heard = Readonly<{
  answer: SyncAnswer
  beaconNonce: string
  /** Boot clock when the question left and when the answer was there. */
  askedAtBoot: number
  answeredAtBoot: number
  wallNow: Instant
  /** As the books had it before this answer: what the answer is judged against. */
  trustBefore: TrustSeen
  /** What this answer moved trust to; null where it did not prove itself. */
  accepted: Readonly<{ roster: Roster; head: Head }> | null
  /** False when the disk did not take it: then only its ends are obeyed. */
  written: boolean
}>
