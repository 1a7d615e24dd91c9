import { z } from 'zod'
import { bytes32, principalId, principalKind, slug } from './nouns.ts'

/**
 * What the founding people write down before there is a roster: who they are, and whose public key is whose. All
 * keys are base64url of 32 raw Ed25519 bytes; private keys never come near the server.
 */
export const founders = z.strictObject({
  estate: slug,
  /** Of the log, e.g. `halligan.example.org/log`. Without it: `<estate>.halligan/log`. */
  origin: z
    .string()
    .max(200)
    .regex(/^[a-z0-9][a-z0-9./-]*$/)
    .exactOptional(),
  threshold: z.int().min(1),
  trustees: z.array(z.strictObject({ person: principalId, pub: bytes32 })).min(1),
  people: z.array(
    z.strictObject({
      person: principalId,
      kind: principalKind,
      owner: principalId.exactOptional(),
      keys: z.array(bytes32).max(32),
    }),
  ),
  approverGroups: z.record(slug, z.array(principalId)),
  enforcers: z.array(
    z.strictObject({ id: slug, pub: bytes32, targets: z.array(slug).min(1) }),
  ),
})
export type Founders = z.infer<typeof founders>
