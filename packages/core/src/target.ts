import type { PrincipalId } from './id.ts'
import type { Commitment, Digest } from './json.ts'
import type { ProbeResult, ReceiptDetail, Work } from './receipt.ts'
import type { Instant } from './time.ts'

/**
 * The truth about one target of a grant, as its enforcer proved it.
 *
 *     ordered ─▶ applied ─▶ revoking ─▶ absent        (or refused: nothing was applied)
 *
 * `unknown` counts as applied (INV-10). `overdue` and `attested` stand beside the phase: neither is absence.
 */
export type TargetState = Readonly<{
  target: string
  enforcer: string
  phase: 'ordered' | 'applied' | 'unknown' | 'revoking' | 'absent' | 'refused'
  orderDigest: Digest | null
  /** What the enforcer tries and has not done yet. Null where it said nothing of the kind, or did it since. */
  trouble: Trouble | null
  /** How the target itself showed that the access is gone; the first time, for absence is absorbing. */
  absence: (Shown & Readonly<{ alreadyAbsent: boolean }>) | null
  /** The time to end it passed without proof of absence. Stays said after absence was proven. */
  overdue: Since | null
  cleaned: boolean
  exposure: 'none' | 'exposed' | 'rotated'
  /** The exposed credential is a shared account's: absence does not make it harmless, only rotation does. */
  shared: boolean
  /** How the shared account showed that the old secret opens nothing and the new one does. */
  rotation: Shown | null
  /** The time to rotate the shared secret passed without proof. */
  rotationOverdue: Since | null
  attestors: readonly PrincipalId[]
  attested: boolean
}>

export type Since = Readonly<{ since: Instant }>

/** What probes showed, and when the ledger was told. */
export type Shown = Readonly<{ at: Instant; probes: readonly ProbeResult[] }>

/** `attempts` made so far; `reasonCommitment` opens to the last error, which the ledger does not hold. */
export type Trouble = Readonly<{
  work: Work
  attempts: number
  reasonCommitment: Commitment
  at: Instant
}>

export const orderedTarget = (target: string, enforcer: string): TargetState => ({
  target,
  enforcer,
  phase: 'ordered',
  orderDigest: null,
  trouble: null,
  absence: null,
  overdue: null,
  cleaned: false,
  exposure: 'none',
  shared: false,
  rotation: null,
  rotationOverdue: null,
  attestors: [],
  attested: false,
})

/** Whether a shared secret that left the house may still open something. */
export const owesRotation = (target: TargetState): boolean =>
  target.shared && target.exposure === 'exposed' && !target.attested

/** `target` after its enforcer's report. Absence is absorbing: no later report undoes it (INV-8). */
export function reported(
  before: TargetState,
  report: ReceiptDetail,
  at: Instant,
): TargetState {
  const target = { ...before, trouble: troubleAfter(before, report, at) }
  const over = target.phase === 'absent'
  switch (report.kind) {
    case 'applied':
    case 'unknown':
      return over || target.phase === 'revoking'
        ? { ...target, shared: target.shared || isShared(report) }
        : { ...target, phase: report.kind, shared: target.shared || isShared(report) }
    case 'refused':
      return target.phase === 'ordered' ? { ...target, phase: 'refused' } : target
    case 'ending':
      return over ? target : { ...target, phase: 'revoking' }
    case 'absent': {
      const { probes, alreadyAbsent } = report
      return {
        ...target,
        phase: 'absent',
        absence: target.absence ?? { at, probes, alreadyAbsent },
        // One who vouched for absence has said nothing of the secret.
        attestors: target.attested ? target.attestors : [],
        // A per-grant login is dead with its role, so its password counts as rotated.
        exposure:
          target.exposure === 'exposed' && !target.shared ? 'rotated' : target.exposure,
      }
    }
    case 'cleaned':
      return { ...target, cleaned: true }
    case 'rotated':
      return { ...target, exposure: 'rotated', rotation: { at, probes: report.probes } }
    case 'struggling':
    case 'witnessed':
    case 'drifted':
      return target
  }
}

/** Which work a report shows to be over, one way or the other. */
const over: Readonly<Partial<Record<ReceiptDetail['kind'], readonly Work[]>>> = {
  applied: ['apply'],
  refused: ['apply'],
  ending: ['apply'],
  absent: ['apply', 'end'],
  rotated: ['rotate'],
  cleaned: ['clean'],
}

function troubleAfter(
  { trouble }: TargetState,
  report: ReceiptDetail,
  at: Instant,
): Trouble | null {
  if (report.kind === 'struggling') {
    const { work, attempts, reasonCommitment } = report
    return { work, attempts, reasonCommitment, at }
  }
  const isOver = trouble !== null && over[report.kind]?.includes(trouble.work) === true
  return isOver ? null : trouble
}

const isShared = (report: ReceiptDetail): boolean =>
  report.kind === 'applied' && report.shared === true
