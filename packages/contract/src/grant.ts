import type { Grant, Phase, TargetState } from '@halligan/core'
import { z } from 'zod'
import { digest, finding, grantId, instant, principalId, terms } from './nouns.ts'
import { routeTerms } from './ruling.ts'

const asked = {
  id: grantId,
  drill: z.boolean(),
  terms,
  termsDigest: digest,
  closure: z.array(principalId),
}

const awaited = {
  until: instant,
  route: routeTerms,
  approvers: z.array(principalId),
}

export const targetState: z.ZodType<TargetState> = z.strictObject({
  target: z.string(),
  enforcer: z.string(),
  phase: z.enum(['ordered', 'applied', 'unknown', 'revoking', 'absent', 'refused']),
  orderDigest: digest.nullable(),
  overdue: z.boolean(),
  cleaned: z.boolean(),
  exposure: z.enum(['none', 'exposed', 'rotated']),
  shared: z.boolean(),
  attestors: z.array(principalId),
  attested: z.boolean(),
})

const opened = {
  approvers: z.array(principalId),
  activatedAt: instant,
  notAfter: instant,
  voidIf: z.array(z.literal('incident_closed')),
  decisionDigest: digest,
  targets: z.array(targetState),
  review: z.strictObject({
    openedAt: instant,
    due: instant,
    group: z.string(),
    overdue: z.boolean(),
  }),
}

const ended = { ...opened, endedAt: instant }

/** A grant as it stands. One member per phase, holding exactly what exists then. */
export const grant: z.ZodType<Grant> = z.discriminatedUnion('phase', [
  z.strictObject({ ...asked, phase: z.literal('requested') }),
  z.strictObject({ ...asked, phase: z.literal('pending'), ...awaited }),
  z.strictObject({ ...asked, phase: z.literal('approved'), ...awaited }),
  z.strictObject({ ...asked, phase: z.literal('active'), ...opened }),
  z.strictObject({ ...asked, phase: z.enum(['expired', 'revoked', 'returned']), ...ended }),
  z.strictObject({ ...asked, phase: z.literal('under_review'), ...ended }),
  z.strictObject({
    ...asked,
    phase: z.literal('closed'),
    ...ended,
    finding,
    reviewer: principalId,
  }),
  z.strictObject({ ...asked, phase: z.literal('denied'), by: principalId }),
  z.strictObject({ ...asked, phase: z.literal('withdrawn') }),
  z.strictObject({
    ...asked,
    phase: z.literal('lapsed'),
    cause: z.enum(['timeout', 'terms_changed']),
  }),
])

export const phases = [
  'requested',
  'pending',
  'approved',
  'active',
  'expired',
  'revoked',
  'returned',
  'under_review',
  'closed',
  'denied',
  'withdrawn',
  'lapsed',
] as const satisfies readonly Phase[]

export const phase = z.enum(phases)
