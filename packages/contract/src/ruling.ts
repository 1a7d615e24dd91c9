import type { ClosedRoute, Facts, RouteTerms, Ruling } from '@halligan/core'
import { z } from 'zod'
import { digest, instant, principalId, principalKind, routeName } from './nouns.ts'

const count = z.int().nonnegative()

export const routeTerms: z.ZodType<RouteTerms> = z.strictObject({
  name: routeName,
  approvals: count,
  groups: z.array(z.string()),
  maxLifeSeconds: count,
  approvalSeconds: count,
  activationSeconds: count,
  reviewSeconds: count,
})

export const closedRoute: z.ZodType<ClosedRoute> = z.strictObject({
  route: routeName,
  forbids: z.array(z.string()),
  reasons: z.array(z.string()),
  opensIf: z.array(z.string()).exactOptional(),
})

export const facts: z.ZodType<Facts> = z.strictObject({
  asOf: instant,
  requester: z.strictObject({
    person: principalId,
    kind: principalKind,
    groups: z.array(z.string()),
    onCallFor: z.array(z.string()),
  }),
  entitlement: z.string(),
  system: z.string(),
  lifeSeconds: z.int(),
  incident: z.strictObject({
    known: z.boolean(),
    open: z.boolean(),
    severity: z.int(),
    ageSeconds: z.int(),
    affectsSystem: z.boolean(),
  }),
  time: z.strictObject({ zone: z.string(), weekday: z.int(), minuteOfDay: z.int() }),
  stepUp: z.strictObject({
    kind: z.enum(['none', 'device_key']),
    ageSeconds: z.int(),
    userVerified: z.boolean(),
    hardwareBound: z.boolean(),
  }),
  reviews: z.strictObject({ open: count, overdue: count }),
  uses: z.strictObject({ ofEntitlementIn30Days: count, byPersonIn30Days: count }),
  activeOrPending: z.strictObject({ count, totalSeconds: count, onSystem: count }),
  ownerKnown: z.boolean(),
  approversEligible: count,
  recentPolicyAuthor: z.boolean(),
})

export const ruling: z.ZodType<Ruling> = z.strictObject({
  bundleDigest: digest,
  engine: z.string(),
  facts,
  open: z.array(routeTerms),
  closed: z.array(closedRoute),
})
