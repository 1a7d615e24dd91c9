import type { PrincipalId } from './id.ts'
import type { Digest } from './json.ts'
import type { PrincipalKind } from './principal.ts'
import type { RouteName } from './terms.ts'
import type { Instant } from './time.ts'

/** How strongly the requester proved this act. A device key never claims user verification. */
export type StepUp = Readonly<{
  kind: 'none' | 'device_key'
  ageSeconds: number
  userVerified: boolean
  hardwareBound: boolean
}>

/** All that policy may know. Recorded whole in `ruled`, so that the ruling replays (INV-19). */
export type Facts = Readonly<{
  asOf: Instant
  requester: Readonly<{
    person: PrincipalId
    kind: PrincipalKind
    groups: readonly string[]
    onCallFor: readonly string[]
  }>
  entitlement: string
  system: string
  lifeSeconds: number
  /** `known` is false for an id that no source vouches for, and when the source is unreachable. */
  incident: Readonly<{
    known: boolean
    open: boolean
    severity: number
    ageSeconds: number
    affectsSystem: boolean
  }>
  /** In the system's own time zone. Weekday 1 is Monday; minute counts from midnight. */
  time: Readonly<{ zone: string; weekday: number; minuteOfDay: number }>
  stepUp: StepUp
  reviews: Readonly<{ open: number; overdue: number }>
  uses: Readonly<{ ofEntitlementIn30Days: number; byPersonIn30Days: number }>
  activeOrPending: Readonly<{ count: number; totalSeconds: number; onSystem: number }>
  ownerKnown: boolean
  /** Eligible approvers of the quorum route with a live key, requester's closure aside. */
  approversEligible: number
  recentPolicyAuthor: boolean
}>

/** What one route demands when it is open. All lives are whole seconds. */
export type RouteTerms = Readonly<{
  name: RouteName
  approvals: number
  groups: readonly string[]
  maxLifeSeconds: number
  approvalSeconds: number
  activationSeconds: number
  reviewSeconds: number
}>

export type ClosedRoute = Readonly<{
  route: RouteName
  /** Ids of the forbids that matched; empty when no permit did. */
  forbids: readonly string[]
  /** Their `@advice`, and refusals of the hard floor. */
  reasons: readonly string[]
  /** Present on `check` and on refusal, found outside the writer. */
  opensIf?: readonly string[]
}>

export type Ruling = Readonly<{
  bundleDigest: Digest
  /** Name and version, e.g. `cedar-wasm 4.13.0`. */
  engine: string
  facts: Facts
  open: readonly RouteTerms[]
  closed: readonly ClosedRoute[]
}>
