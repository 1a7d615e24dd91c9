import type { GrantId, PrincipalId } from './id.ts'
import type { Commitment } from './json.ts'

export type RouteName = 'quorum' | 'solo' | 'timed' | 'escrow' | 'offline'

export type TermsTarget = Readonly<{
  target: string
  enforcer: string
  /** Exact and sorted, e.g. `role:payments_ops`. Never a pattern (RQ-04). */
  privileges: readonly string[]
}>

/**
 * The fully resolved content of a request. People sign its digest, so no change to it, by
 * anyone, keeps their approvals (INV-5). Fixed at intake: no later phase can widen it.
 */
export type Terms = Readonly<{
  estate: string
  grant: GrantId
  revision: number
  requester: PrincipalId
  actsFor?: readonly PrincipalId[]
  entitlement: string
  targets: readonly TermsTarget[]
  route: Readonly<{ name: RouteName; approvals: number; groups: readonly string[] }>
  lifeSeconds: number
  incident: string
  reasonCommitment: Commitment
}>
