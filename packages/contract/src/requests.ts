import { z } from 'zod'
import { verb } from './acts.ts'
import { phase } from './grant.ts'
import {
  blob,
  bytes32,
  commitment,
  digest,
  envelope,
  grantId,
  instant,
  keyId,
  lifeSeconds,
  principalId,
  routeName,
  sessionPrincipal,
  slug,
} from './nouns.ts'

/** Query numbers arrive as text; only plain decimal digits are numbers. */
const decimal = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,14})$/)
  .transform(Number)

export const challengeRequest = z.strictObject({ principal: sessionPrincipal })

/** The payload that a principal signs to be let read. The challenge is the server's and lives two minutes. */
export const sessionStatement = z.strictObject({
  type: z.literal('halligan/session/v1'),
  estate: slug,
  origin: z.string().max(256),
  principal: sessionPrincipal,
  keyId,
  challenge: z.string().max(512),
  at: instant,
})
export type SessionStatement = z.infer<typeof sessionStatement>

export const sessionRequest = z.strictObject({ session: envelope })

/** `code` is the single-use text of an invitation; the ledger knows its digest alone. */
export const redeemRequest = z.strictObject({
  code: z.string().min(16).max(128),
  principal: principalId,
  pub: bytes32,
})

/** The Standard Webhooks payload of an incident source. */
export const incidentWebhook = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('incident.opened'),
    timestamp: z.iso.datetime(),
    data: z.strictObject({
      incident: slug,
      severity: z.int().min(1).max(5),
      systems: z.array(slug).max(32),
      title: z.string().max(1024),
    }),
  }),
  z.strictObject({
    type: z.literal('incident.closed'),
    timestamp: z.iso.datetime(),
    data: z.strictObject({ incident: slug }),
  }),
])
export type IncidentWebhook = z.infer<typeof incidentWebhook>

/** Asks for a nonce and, for `request`, for the resolved terms and the ruling. Stores nothing. */
export const prepareRequest = z.strictObject({
  verb,
  grant: grantId.exactOptional(),
  termsDigest: digest.exactOptional(),
  entitlement: slug.exactOptional(),
  incident: slug.exactOptional(),
  route: routeName.exactOptional(),
  lifeSeconds: lifeSeconds.exactOptional(),
  reasonCommitment: commitment.exactOptional(),
  actsFor: z.array(principalId).max(16).exactOptional(),
})
export type PrepareRequest = z.infer<typeof prepareRequest>

/** What is open now to the asker or, for those with the role, to `person` (PO-13). */
export const checkRequest = z.strictObject({
  incident: slug.exactOptional(),
  lifeSeconds: lifeSeconds.exactOptional(),
  person: principalId.exactOptional(),
})
export type CheckRequest = z.infer<typeof checkRequest>

export const grantsQuery = z.strictObject({
  requester: principalId.exactOptional(),
  /** One phase, or several with commas between. */
  phase: z
    .string()
    .max(128)
    .refine((text) => text.split(',').every((one) => phase.safeParse(one).success))
    .exactOptional(),
  entitlement: slug.exactOptional(),
  system: slug.exactOptional(),
  after: z.string().max(128).exactOptional(),
  limit: decimal.pipe(z.int().min(1).max(200)).exactOptional(),
})

export const pageQuery = z.strictObject({
  after: z.string().max(128).exactOptional(),
  limit: decimal.pipe(z.int().min(1).max(200)).exactOptional(),
})

export const driftQuery = z.strictObject({
  /** All that the roster gives to enforcers, without it. */
  target: z.string().max(128).exactOptional(),
  /** At most so many entries of each target, the latest. */
  limit: decimal.pipe(z.int().min(1).max(200)).exactOptional(),
})

export const entriesQuery = z.strictObject({
  /** Entries with an index above this. */
  after: decimal.exactOptional(),
  limit: decimal.pipe(z.int().min(1).max(500)).exactOptional(),
})

export const consistencyQuery = z.strictObject({ from: decimal, to: decimal })

export const rosterRequest = z.strictObject({ roster: envelope })

/** The payload that an enforcer signs to be told its desired state (PROTOCOL 3.5). */
export const syncStatement = z.strictObject({
  type: z.literal('halligan/sync/v1'),
  estate: slug,
  enforcer: slug,
  checkpointSeen: z
    .strictObject({
      origin: z.string().max(256),
      size: z.int().nonnegative(),
      root: z.string().max(64),
    })
    .nullable(),
  generation: z.int().nonnegative(),
  /** base64url of 16 random bytes, fresh for each sync: the beacon answers it. */
  beaconNonce: z.string().regex(/^[A-Za-z0-9_-]{22}$/),
  at: instant,
})
export type SyncStatement = z.infer<typeof syncStatement>

export const syncRequest = z.strictObject({ sync: envelope })

export const receiptRequest = z.strictObject({
  receipt: envelope,
  sealed: z
    .strictObject({ jwe: z.string().max(16_384), revealId: z.string().max(64) })
    .exactOptional(),
  blobs: z.array(blob).max(32).default([]),
})
