/**
 * People, terms and grants for tests: ada asks, bob and cy approve, dee reviews.
 *
 * @module
 */
import { decide, decideRequest } from './decide.ts'
import { evolve, type Grant } from './grant.ts'
import type { GrantCommand, Request, Standing } from './grant-command.ts'
import type { GrantId, PrincipalId } from './id.ts'
import type { Digest, Envelope } from './json.ts'
import type { PrincipalKind } from './principal.ts'
import type { ReceiptDetail } from './receipt.ts'
import type { Facts, RouteTerms, Ruling } from './ruling.ts'
import type { Terms } from './terms.ts'
import type { Instant } from './time.ts'

const person = (name: string) => name as PrincipalId
export const ada = person('ada')
export const robo = person('robo')
export const bob = person('bob')
export const cy = person('cy')
export const dee = person('dee')

export const second = (n: number) => (n * 1000) as Instant
export const digest = (name: string): Digest => `sha256:${name}`

/** Core never looks inside an envelope: verifying is the ledger's. */
export const envelope: Envelope = { payloadType: 'test', payload: '', signatures: [] }

export const standing = (
  who: PrincipalId,
  groups: readonly string[] = ['leads'],
  kind: PrincipalKind = 'human',
): Standing => ({ person: who, kind, groups, approvesFrom: second(0) })

export const quorumOf = (approvals: number): RouteTerms => ({
  name: approvals === 0 ? 'solo' : 'quorum',
  approvals,
  groups: ['leads'],
  maxLifeSeconds: 3600,
  approvalSeconds: 900,
  activationSeconds: 600,
  reviewSeconds: 86_400,
})

export const facts: Facts = {
  asOf: second(0),
  requester: { person: ada, kind: 'human', groups: ['oncall'], onCallFor: ['db'] },
  entitlement: 'db-repair',
  system: 'db',
  lifeSeconds: 60,
  incident: { known: true, open: true, severity: 2, ageSeconds: 60, affectsSystem: true },
  time: { zone: 'Europe/Berlin', weekday: 3, minuteOfDay: 180 },
  stepUp: { kind: 'device_key', ageSeconds: 0, userVerified: false, hardwareBound: false },
  reviews: { open: 0, overdue: 0 },
  uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 },
  activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 },
  ownerKnown: true,
  approversEligible: 2,
  recentPolicyAuthor: false,
}

export const rulingWith = (...open: readonly RouteTerms[]): Ruling => ({
  bundleDigest: digest('bundle'),
  engine: 'test',
  facts,
  open,
  closed: [],
})

export const termsFor = (
  route: RouteTerms,
  targets: readonly string[] = ['pg'],
): Terms => ({
  estate: 'example',
  grant: `g-${'a'.repeat(26)}` as GrantId,
  revision: 1,
  requester: ada,
  entitlement: 'db-repair',
  targets: targets.map((target) => ({ target, enforcer: 'enf', privileges: ['role:x'] })),
  route: { name: route.name, approvals: route.approvals, groups: route.groups },
  lifeSeconds: 60,
  incident: 'inc-1',
  reasonCommitment: digest('reason'),
})

export const asking = (route: RouteTerms, targets?: readonly string[]): Request => ({
  kind: 'request',
  terms: termsFor(route, targets),
  termsDigest: digest('terms'),
  closure: [ada, robo],
  ruling: rulingWith(route),
  act: envelope,
})

/** A grant on `route`, asked for at second 0. */
export function askedFor(route: RouteTerms, targets?: readonly string[]): Grant {
  const decided = decideRequest(asking(route, targets), second(0))
  if (!decided.ok) throw new Error(`refused: ${decided.error.code}`)
  return decided.value.reduce<Grant | null>(evolve, null) as Grant
}

export const timeOut: GrantCommand = { kind: 'time_out' }

export const approve = (who: PrincipalId): GrantCommand => ({
  kind: 'approve',
  by: standing(who),
  termsDigest: digest('terms'),
  act: envelope,
})

export const activate = (
  route: RouteTerms,
  approvers: readonly PrincipalId[],
  change: Partial<Extract<GrantCommand, { kind: 'activate' }>> = {},
): GrantCommand => ({
  kind: 'activate',
  by: ada,
  termsDigest: digest('terms'),
  ruling: rulingWith(route),
  approvers: approvers.map((who) => standing(who)),
  act: envelope,
  decision: envelope,
  decisionDigest: digest('decision'),
  orders: [
    { target: 'pg', enforcer: 'enf', order: envelope, orderDigest: digest('order') },
  ],
  voidIf: ['incident_closed'],
  reviewGroup: 'reviewers',
  ...change,
})

/** One probe, and it shows nothing any more. */
export const goneReport = {
  kind: 'absent',
  probes: [{ probe: 'login', absent: true, at: 0 as Instant }],
  alreadyAbsent: false,
} as const

export const reportOf = (report: ReceiptDetail, target = 'pg'): GrantCommand => ({
  kind: 'report',
  target,
  enforcer: 'enf',
  report,
  receipt: envelope,
  receiptDigest: digest('receipt'),
})

export const review = (by: PrincipalId): GrantCommand => ({
  kind: 'review',
  by,
  reviewerKind: 'human',
  finding: 'justified',
  evidenceDigest: digest('evidence'),
  currentEvidence: digest('evidence'),
  followUps: [],
  noteCommitment: digest('note'),
  act: envelope,
})

export const markOverdue: GrantCommand = {
  kind: 'mark_overdue',
  target: 'pg',
  sloSeconds: 60,
}

export const attest = (by: PrincipalId): GrantCommand => ({
  kind: 'attest',
  by,
  byKind: 'human',
  target: 'pg',
  act: envelope,
})

export type Step = readonly [second: number, command: GrantCommand]

/** `grant` after each step it does not refuse. */
export const after = (grant: Grant, ...steps: readonly Step[]): Grant =>
  steps.reduce((current, [at, command]) => {
    const decided = decide(current, command, second(at))
    return decided.ok ? decided.value.reduce<Grant>(evolve, current) : current
  }, grant)
