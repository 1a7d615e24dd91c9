import type { Act, ActBody, Verb } from '@halligan/core'
import { z } from 'zod'
import {
  base64url,
  blob,
  commitment,
  digest,
  envelope,
  finding,
  followUp,
  grantId,
  instant,
  keyId,
  principalId,
  principalKind,
  sealKey,
  slug,
  terms,
} from './nouns.ts'

const nothing = z.strictObject({})
const perhapsNote = z.strictObject({ noteCommitment: commitment.exactOptional() })

/** What each verb's signed body may hold: nothing but this. */
export const actBodies = {
  request: z.strictObject({ terms }),
  approve: nothing,
  deny: perhapsNote,
  withdraw: nothing,
  activate: z.strictObject({ sealTo: sealKey }),
  revoke: perhapsNote,
  return: nothing,
  reveal: z.strictObject({ target: slug, sealTo: sealKey }),
  attest: z.strictObject({ target: slug, noteCommitment: commitment }),
  review: z.strictObject({
    finding,
    evidenceDigest: digest,
    followUps: z.array(followUp).max(16),
    noteCommitment: commitment,
  }),
  open_incident: z.strictObject({
    incident: slug,
    severity: z.int().min(1).max(5),
    systems: z.array(slug).max(32),
    titleCommitment: commitment,
  }),
  close_incident: z.strictObject({ incident: slug }),
  propose_policy: z.strictObject({ bundleDigest: digest }),
  approve_policy: z.strictObject({ bundleDigest: digest }),
  invite: z.strictObject({
    person: principalId,
    kind: principalKind,
    owner: principalId.nullable(),
    codeDigest: digest,
  }),
} satisfies { [V in Verb]: z.ZodType<ActBody[V]> }

export const verbs = Object.keys(actBodies) as readonly Verb[]
export const verb = z.enum(Object.keys(actBodies) as [Verb, ...Verb[]])

/** The signed content of an act, for those who show it before it is signed. */
export const act: z.ZodType<Act> = z.discriminatedUnion(
  'verb',
  verbs.map((name) =>
    z.strictObject({
      type: z.literal('halligan/act/v1'),
      estate: slug,
      verb: z.literal(name),
      grant: grantId.exactOptional(),
      termsDigest: digest.exactOptional(),
      by: principalId,
      keyId,
      nonce: base64url.max(256),
      at: instant,
      body: actBodies[name],
    }),
  ) as unknown as [z.ZodObject, ...z.ZodObject[]],
) as unknown as z.ZodType<Act>

/** A signed act and the texts that its commitments close over. */
export const actRequest = z.strictObject({
  act: envelope,
  blobs: z.array(blob).max(32).default([]),
})

/** A policy bundle as text: file name to content. */
export const bundleFiles = z.record(
  z
    .string()
    .max(128)
    .regex(/^[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)?$/),
  z.string(),
)

export const proposePolicyRequest = z.strictObject({
  act: envelope,
  blobs: z.array(blob).max(32).default([]),
  bundle: bundleFiles,
})
