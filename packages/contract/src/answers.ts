import { z } from 'zod'
import { grant, phase } from './grant.ts'
import {
  blob,
  commitment,
  digest,
  entry,
  envelope,
  grantId,
  incident,
  instant,
  keyId,
  placed,
  principalId,
  principalKind,
  proved,
  slug,
  terms,
} from './nouns.ts'
import { ruling } from './ruling.ts'

const count = z.int().nonnegative()

/** A page and the cursor of the next; null ends. */
const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next: z.string().nullable() })

/** How far a long log is that is verified after the start. Present while `log_unverified` stands. */
const logCheck = z.strictObject({
  verified: count,
  entries: count,
  /** About; null when that is not known. */
  secondsLeft: count.nullable(),
  /** The same in words. */
  detail: z.string(),
})

export const healthAnswer = z.strictObject({
  live: z.boolean(),
  /** True when no cause keeps the server from opening access. */
  ready: z.boolean(),
  safeMode: z.array(z.string()),
  logCheck: logCheck.exactOptional(),
})
export type HealthAnswer = z.infer<typeof healthAnswer>

export const rostersAnswer = z.strictObject({ rosters: z.array(envelope) })
export const challengeAnswer = z.strictObject({ challenge: z.string() })
export const sessionAnswer = z.strictObject({ token: z.string(), expires: instant })
export const redeemAnswer = z.strictObject({ keyId, entry: placed })
export const incidentAnswer = z.strictObject({
  incident: slug,
  entries: z.array(z.strictObject({ index: count, id: z.string() })),
})

export const prepareAnswer = z.strictObject({
  nonce: z.string(),
  terms: terms.exactOptional(),
  ruling: ruling.exactOptional(),
})
export type PrepareAnswer = z.infer<typeof prepareAnswer>

export const checkAnswer = z.strictObject({
  entitlements: z.array(
    z.strictObject({ entitlement: z.string(), system: z.string(), ruling }),
  ),
})
export type CheckAnswer = z.infer<typeof checkAnswer>

/** A text as it is kept: whole, or erased with its commitment left. */
export const keptBlob = z.union([
  blob,
  z.strictObject({ commitment, erased: z.literal(true) }),
])

export const notice = z.strictObject({
  id: z.string(),
  at: instant,
  kind: z.string(),
  grant: grantId.nullable(),
  payload: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** When the last of its routes took it; null as long as any has not. */
  deliveredAt: instant.nullable(),
  routes: z.array(
    z.strictObject({
      route: z.string(),
      deliveredAt: instant.nullable(),
      attempts: count,
      /** The route was configured no more before it took the notice. */
      gone: z.boolean(),
    }),
  ),
})

export const grantsAnswer = pageOf(grant)
export const grantAnswer = z.strictObject({
  grant,
  entries: z.array(placed),
  blobs: z.array(keptBlob),
  notices: z.array(notice),
})
export type GrantAnswer = z.infer<typeof grantAnswer>

export const sealedAnswer = z.strictObject({
  jwe: z.string(),
  revealId: z.string(),
  receipt: envelope,
})
export type SealedAnswer = z.infer<typeof sealedAnswer>

/** What a verdict is bound to: the grant's entry ids in order, and the commitments of its blobs, sorted. */
export const reviewAnswer = z.strictObject({
  grant,
  evidence: z.strictObject({ entries: z.array(digest), blobs: z.array(commitment) }),
  evidenceDigest: digest,
  uses30: count,
  uses90: count,
  undelivered: z.array(notice),
})
export type ReviewAnswer = z.infer<typeof reviewAnswer>

/**
 * What enforcers found on targets and no grant explains: the last entries of each target's own record, in log order.
 * `told` says of an entry whom the server told, and how urgently. An entry that is not in it was told to nobody.
 */
export const driftAnswer = z.strictObject({
  targets: z.array(z.strictObject({ target: z.string(), entries: z.array(placed) })),
  blobs: z.array(keptBlob),
  told: z.array(
    z.strictObject({
      index: count,
      urgency: z.enum(['page', 'tell']),
      to: z.array(principalId),
    }),
  ),
})
export type DriftAnswer = z.infer<typeof driftAnswer>

export const incidentsAnswer = z.strictObject({ incidents: z.array(incident) })
/** `next` is the `after` of the next page; null at the frontier. */
export const entriesAnswer = z.strictObject({
  items: z.array(placed),
  next: count.nullable(),
})
export type EntriesAnswer = z.infer<typeof entriesAnswer>
export const entryProofAnswer = z.strictObject({ index: count, entry, proof: z.string() })
/** RFC 6962 consistency between two sizes; `hashes` in standard base64. */
export const consistencyAnswer = z.strictObject({
  from: count,
  to: count,
  hashes: z.array(z.string()),
})

export const policyAnswer = z.strictObject({
  digest: digest.nullable(),
  files: z.record(z.string(), z.string()),
})
export const policyChangesAnswer = z.strictObject({
  changes: z.array(
    z.strictObject({
      bundleDigest: digest,
      proposedBy: principalId,
      proposedAt: instant,
      approvers: z.array(principalId),
      appliedAt: instant.nullable(),
    }),
  ),
})

/** A key that an invitation proposed. It counts once it stands in a roster. */
export const keyProposal = z.strictObject({
  person: principalId,
  kind: principalKind,
  owner: principalId.nullable(),
  keyId,
  pub: z.string(),
  at: instant,
})
export type KeyProposal = z.infer<typeof keyProposal>
export const keyProposalsAnswer = z.strictObject({ proposals: z.array(keyProposal) })

export const statusAnswer = z.strictObject({
  estate: z.string(),
  origin: z.string(),
  size: count,
  root: z.string(),
  serverTime: instant,
  safeMode: z.array(z.string()),
  logCheck: logCheck.exactOptional(),
  rosterVersion: count,
  rosterDigest: digest,
  bundleDigest: digest.nullable(),
  grants: z.strictObject({
    waiting: count,
    active: count,
    ending: count,
    overdue: count,
    rotationsOverdue: count,
  }),
  /** Targets of ended grants that are not proven absent, the rate, and when the last will be; null where nothing tells. */
  ends: z.strictObject({
    endsOpen: count,
    provenPerMinute: count,
    etaSeconds: count.nullable(),
  }),
  reviews: z.strictObject({ open: count, overdue: count }),
  alerts: z.strictObject({
    /** What each route has not taken yet; counts stop at 1000. */
    routes: z.array(
      z.strictObject({
        route: z.string(),
        kind: z.enum(['webhook', 'command', 'file']),
        takes: z.enum(['pages', 'all']),
        waiting: count,
        pages: count,
      }),
    ),
    /** Pages have fewer than two routes that depend on different things. */
    singleRoute: z.boolean(),
  }),
})
export type StatusAnswer = z.infer<typeof statusAnswer>

/** What an act made happen. Every entry named here is durable and under a signed checkpoint. */
export const actAnswer = z.strictObject({
  /** Digest of the act: its idempotency key. */
  act: digest,
  entries: z.array(z.strictObject({ index: count, id: digest, kind: z.string() })),
  grant: grantId.exactOptional(),
  phase: phase.exactOptional(),
  incident: slug.exactOptional(),
  bundleDigest: digest.exactOptional(),
})
export type ActAnswer = z.infer<typeof actAnswer>

export const rosterAnswer = z.strictObject({ version: count, rosterDigest: digest })

/** Everything `verifyGrant` wants for one open order, beside what the whole answer carries. */
export const opening = z.strictObject({
  order: proved,
  decision: proved,
  request: proved,
  approvals: z.array(proved),
})

/** The full desired state of one enforcer, every proof to one checkpoint. */
export const syncAnswer = z.strictObject({
  generation: count,
  rosters: z.array(envelope),
  checkpoint: z.string(),
  /** From the checkpoint last seen; null when none was, or when it is of another origin. */
  consistency: z.array(z.string()).nullable(),
  beacon: envelope,
  opens: z.array(opening),
  /** Grants that stand and whose orders to open were answered: they are mentioned, and not told again. */
  listed: z.array(grantId).exactOptional(),
  /** Obeyed whether proven or not: ending early is always safe. */
  ends: z.array(z.strictObject({ order: envelope, proof: proved.exactOptional() })),
  reseals: z.array(z.strictObject({ order: proved, reveal: proved })),
})
export type SyncAnswer = z.infer<typeof syncAnswer>

export const receiptAnswer = z.strictObject({
  index: count,
  entry,
  /** `tlog-proof` text: the enforcer forgets a receipt against this alone. */
  proof: z.string(),
})
export type ReceiptAnswer = z.infer<typeof receiptAnswer>
