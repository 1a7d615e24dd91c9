/**
 * The nouns of core as they travel: one strict schema each. An unknown field is refused everywhere, and
 * what a schema infers is assignable to core's own type (`nouns.test.ts` does not compile otherwise).
 *
 * @module
 */
import type {
  Commitment,
  Digest,
  Envelope,
  GrantId,
  Incident,
  Instant,
  Json,
  PrincipalId,
  Terms,
} from '@halligan/core'
import type { Entry } from '@halligan/ledger'
import { z } from 'zod'

/** A checked string or number under its core name. The only cast from the wire to a brand. */
const named = <T>(schema: z.ZodType): z.ZodType<T> => schema as unknown as z.ZodType<T>

const slugPattern = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/

/** Ids of systems, entitlements, targets, enforcers, incidents, groups: lower-case ASCII, at most 64. */
export const slug = z.string().max(64).regex(slugPattern)
export const principalId = named<PrincipalId>(slug)
export const grantId = named<GrantId>(z.string().regex(/^g-[a-z2-7]{26}$/))
/** A person or workload, or `enforcer/<id>`: whoever can hold a session. */
export const sessionPrincipal = z
  .string()
  .max(73)
  .regex(/^(?:enforcer\/)?[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/)

/** Milliseconds since the Unix epoch. */
export const instant = named<Instant>(z.int().nonnegative())
/** Whole seconds; the hard floor caps a life at four hours. */
export const lifeSeconds = z.int().positive().max(14_400)

export const digest = named<Digest>(z.string().regex(/^sha256:[0-9a-f]{64}$/))
export const commitment = named<Commitment>(z.string().regex(/^sha256:[0-9a-f]{64}$/))
export const keyId = z.string().regex(/^ed25519:[0-9a-f]{32}$/)
/** base64url without padding */
export const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/)
/** base64url of 32 bytes: a raw Ed25519 or X25519 public key, or a salt */
export const bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
export const base64 = z
  .string()
  .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)

export const json: z.ZodType<Json> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(json),
    z.record(z.string(), json),
  ]),
)

const proof = z.strictObject({ kind: z.literal('ed25519'), keyid: keyId, sig: base64 })

/** DSSE, with one signature at least and no more than a roster could need. */
export const envelope: z.ZodType<Envelope> = z.strictObject({
  payloadType: z.string().max(128),
  payload: base64,
  signatures: z.array(proof).min(1).max(16),
})

/** A text and the salt that opens its commitment: at most 8 KiB of text. */
export const blob = z.strictObject({
  commitment,
  salt: bytes32,
  text: z.string().max(8192),
})

export const routeName = z.enum(['quorum', 'solo', 'timed', 'escrow', 'offline'])
export const finding = z.enum(['justified', 'excessive', 'misused'])
export const principalKind = z.enum(['human', 'service_account', 'api_key', 'agent'])
export const sealKey = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('X25519'),
  x: bytes32,
})

export const followUp = z.strictObject({
  owner: principalId,
  noteCommitment: commitment,
  due: instant,
})

const termsTarget = z.strictObject({
  target: slug,
  enforcer: slug,
  privileges: z.array(z.string().max(128)).max(64),
})

export const terms: z.ZodType<Terms> = z.strictObject({
  estate: slug,
  grant: grantId,
  revision: z.int().positive(),
  requester: principalId,
  actsFor: z.array(principalId).max(16).exactOptional(),
  entitlement: slug,
  targets: z.array(termsTarget).max(16),
  route: z.strictObject({
    name: routeName,
    approvals: z.int().nonnegative(),
    groups: z.array(slug).max(16),
  }),
  lifeSeconds,
  incident: slug,
  reasonCommitment: commitment,
})

export const incident: z.ZodType<Incident> = z.strictObject({
  incident: slug,
  source: z.string(),
  severity: z.int(),
  systems: z.array(slug),
  titleCommitment: commitment,
  openedAt: instant,
  closedAt: instant.nullable(),
})

/** One line of the ledger. The fields of its kind stand beside the common ones. */
export const entry: z.ZodType<Entry> = z
  .object({
    v: z.literal(1),
    id: digest,
    at: instant,
    kind: z.string(),
    subject: z.string(),
    actor: z.string(),
    prev: digest.nullable(),
  })
  .catchall(json)

export const placed = z.strictObject({ index: z.int().nonnegative(), entry })

/** An entry and its C2SP `tlog-proof` text, which holds index, inclusion path and checkpoint. */
export const proved = z.strictObject({ entry: json, proof: z.string() })
