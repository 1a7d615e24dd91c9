import type { GrantId } from './id.ts'
import type { Commitment, Digest } from './json.ts'
import type { Instant } from './time.ts'

/** One reading of the target, and what it showed. `probe` is a stable name, e.g. `pg_authid`. */
export type ProbeResult = Readonly<{ probe: string; absent: boolean; at: Instant }>

/** No probe at all shows nothing (EN-10). */
export const showAbsence = (probes: readonly ProbeResult[]): boolean =>
  probes.length > 0 && probes.every(({ absent }) => absent)

export type ReceiptDetail = Readonly<
  /** `shared`: the credential is a shared account's, and stays exposed until it is `rotated`. */
  | { kind: 'applied'; sealedDigest: Digest; revealId: string; shared?: true }
  | { kind: 'refused'; codes: readonly string[] }
  | { kind: 'unknown' }
  | { kind: 'ending'; cause: EndingCause }
  | { kind: 'absent'; probes: readonly ProbeResult[]; alreadyAbsent: boolean }
  | { kind: 'cleaned'; diffCommitment: Commitment; findings: number }
  /** `account` is named where no grant is: a rotation that somebody asked for. */
  | { kind: 'rotated'; probes: readonly ProbeResult[]; account?: string }
  /** Tried so many times and not done. Told at the second attempt, and at every doubling. */
  | { kind: 'struggling'; work: Work; attempts: number; reasonCommitment: Commitment }
  /** What was done in the grant's own sessions, as text in parts. */
  | {
      kind: 'witnessed'
      what: string
      parts: readonly Readonly<{ textCommitment: Commitment }>[]
      complete: boolean
    }
  | { kind: 'drifted'; what: string; object: Commitment }
>

/** What an enforcer does for a grant on one target, in this order. */
export type Work = 'apply' | 'end' | 'rotate' | 'clean'

/** Why an enforcer began to end: its own deadline, an order, an act given to it directly, or a late apply. */
export type EndingCause =
  | 'deadline'
  | 'clock'
  | 'reboot'
  | 'order'
  | 'local_root'
  | 'local_act'
  | 'kill_switch'
  | 'late_apply'

/** An enforcer's signed, numbered report. `prevReceiptDigest` chains all reports of one enforcer. */
export type Receipt = Readonly<{
  type: 'halligan/receipt/v1'
  estate: string
  enforcer: string
  seq: number
  prevReceiptDigest: Digest | null
  /** Absent only for drift that no order explains. */
  orderDigest: Digest | null
  orderIndex: number | null
  grant: GrantId | null
  target: string
  checkpointSeen: Readonly<{ origin: string; size: number; root: string }> | null
  at: Instant
  detail: ReceiptDetail
}>

export type ReceiptKind = ReceiptDetail['kind']

/** Whether the report shows what it claims: that access is gone, or that a secret opens nothing any more. */
export const isShown = (report: ReceiptDetail): boolean =>
  report.kind === 'absent' || report.kind === 'rotated' ? showAbsence(report.probes) : true
