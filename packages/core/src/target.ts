import type { PrincipalId } from './id.ts'
import type { Digest } from './json.ts'
import type { ReceiptDetail } from './receipt.ts'

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
  overdue: boolean
  cleaned: boolean
  exposure: 'none' | 'exposed' | 'rotated'
  /** The exposed credential is a shared account's: absence does not make it harmless, only rotation does. */
  shared: boolean
  attestors: readonly PrincipalId[]
  attested: boolean
}>

/** `target` after its enforcer's report. Absence is absorbing: no later report undoes it (INV-8). */
export function reported(target: TargetState, report: ReceiptDetail): TargetState {
  const over = target.phase === 'absent'
  switch (report.kind) {
    case 'applied':
    case 'unknown':
      return over || target.phase === 'revoking'
        ? target
        : { ...target, phase: report.kind, shared: target.shared || isShared(report) }
    case 'refused':
      return target.phase === 'ordered' ? { ...target, phase: 'refused' } : target
    case 'ending':
      return over ? target : { ...target, phase: 'revoking' }
    case 'absent':
      // A per-grant login is dead with its role, so its password counts as rotated.
      return {
        ...target,
        phase: 'absent',
        exposure:
          target.exposure === 'exposed' && !target.shared ? 'rotated' : target.exposure,
      }
    case 'cleaned':
      return { ...target, cleaned: true }
    case 'rotated':
      return { ...target, exposure: 'rotated' }
    case 'struggling':
    case 'witnessed':
    case 'drifted':
      return target
  }
}

const isShared = (report: ReceiptDetail): boolean =>
  report.kind === 'applied' && report.shared === true
