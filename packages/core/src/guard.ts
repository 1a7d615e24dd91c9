import type { RouteName } from './terms.ts'

/** What one enforcer will ever open on one target, whatever any server says (PROTOCOL 1). */
export type TargetGuard = Readonly<{
  entitlements: readonly string[]
  privileges: readonly string[]
  /** Least approvals per route. A route that is not written here is closed, `solo` included. */
  routes: Readonly<Partial<Record<RouteName, Readonly<{ minApprovals: number }>>>>
  /** The roster group in which approvers must stand. */
  approverGroup: string
  maxLifeSeconds: number
  /** Who may end any grant on this target at the enforcer itself. */
  owners: readonly string[]
}>

export type Guard = Readonly<{
  enforcer: string
  targets: Readonly<Record<string, TargetGuard>>
}>
