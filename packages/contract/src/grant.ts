import type { Grant, Phase, TargetState } from '@halligan/core'
import { z } from 'zod'
import {
  commitment,
  digest,
  finding,
  grantId,
  instant,
  principalId,
  terms,
} from './nouns.ts'
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

const probes = z.array(
  z.strictObject({ probe: z.string(), absent: z.boolean(), at: instant }),
)
const since = z.strictObject({ since: instant })

/** The truth about one target: what was proven, what was not, and what is being tried. */
export const targetState: z.ZodType<TargetState> = z.strictObject({
  target: z.string(),
  enforcer: z.string(),
  phase: z.enum(['ordered', 'applied', 'unknown', 'revoking', 'absent', 'refused']),
  orderDigest: digest.nullable(),
  /** The text behind `reasonCommitment` is among the grant's blobs. */
  trouble: z
    .strictObject({
      work: z.enum(['apply', 'end', 'rotate', 'clean']),
      attempts: z.int().positive(),
      reasonCommitment: commitment,
      at: instant,
    })
    .nullable(),
  absence: z.strictObject({ at: instant, probes, alreadyAbsent: z.boolean() }).nullable(),
  overdue: since.nullable(),
  cleaned: z.boolean(),
  exposure: z.enum(['none', 'exposed', 'rotated']),
  shared: z.boolean(),
  rotation: z.strictObject({ at: instant, probes }).nullable(),
  rotationOverdue: since.nullable(),
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
