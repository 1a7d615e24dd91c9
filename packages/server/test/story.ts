import type {
  Digest,
  Envelope,
  Facts,
  GrantEvent,
  GrantId,
  Instant,
  Json,
  PrincipalId,
  Receipt,
  ReceiptDetail,
  RouteTerms,
  Terms,
} from '@halligan/core'
import {
  type EntryDraft,
  payloadDigest,
  payloadTypes,
  sealEnvelope,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { keyOf, logSigner } from './log-kit.ts'

export const ada = 'ada' as PrincipalId
export const bob = 'bob' as PrincipalId
export const dee = 'dee' as PrincipalId

/** Another one for each whole number. */
export function grantId(n: number): GrantId {
  const letter = (of: number) => String.fromCharCode(97 + of)
  const round = Math.floor(n / 26)
  const digits = [...round.toString(26)].map((digit) => letter(Number.parseInt(digit, 26)))
  const end = round === 0 ? '' : `2${digits.join('')}`
  return `g-${end.padStart(26, letter(n % 26))}` as GrantId
}

type Type = Parameters<typeof sealEnvelope>[0]
const sealed = (type: Type, value: unknown) => sealEnvelope(type, value as Json, logSigner)

/** Each act differs, as its nonce makes it. */
export const act = (verb: string, by: string, grant: string) =>
  sealed(payloadTypes.act, { verb, by, grant })

export const digestOfAct = (envelope: Envelope): Digest =>
  payloadDigest(nodeCrypto, envelope)

const route: RouteTerms = {
  name: 'quorum',
  approvals: 1,
  groups: ['payments-leads'],
  maxLifeSeconds: 3600,
  approvalSeconds: 900,
  activationSeconds: 600,
  reviewSeconds: 86_400,
}

export const termsOf = (grant: GrantId, incident = 'inc-1'): Terms => ({
  estate: 'example',
  grant,
  revision: 1,
  requester: ada,
  entitlement: 'payments-db-repair',
  targets: [
    {
      target: 'payments-pg',
      enforcer: 'enf-payments',
      privileges: ['role:payments_repair'],
    },
  ],
  route: { name: 'quorum', approvals: 1, groups: ['payments-leads'] },
  lifeSeconds: 60,
  incident,
  reasonCommitment: keyOf('reason'),
})

/** Draft of the entry that one event of a grant becomes. */
export const draftOf = (grant: GrantId, event: GrantEvent): EntryDraft =>
  ({
    ...(event as unknown as Record<string, Json>),
    at: event.at,
    kind: event.kind,
    subject: `grant/${grant}`,
    actor: 'by' in event && event.by !== null ? String(event.by) : 'system',
  }) as EntryDraft

export function asked(grant: GrantId, at: Instant, incident?: string): GrantEvent[] {
  const terms = termsOf(grant, incident)
  const drill = terms.incident.startsWith('drill-')
  const request = act('request', 'ada', grant)
  const facts = { system: 'payments-db' } as Facts
  const until = (at + 900_000) as Instant
  return [
    {
      kind: 'requested',
      at,
      drill,
      terms,
      termsDigest: keyOf('terms'),
      closure: [ada],
      act: request,
    },
    {
      kind: 'ruled',
      at,
      bundleDigest: keyOf('bundle'),
      engine: 'cedar-wasm 4.13.0',
      facts,
      factsAsOf: at,
      route,
      open: ['quorum'],
      closed: [],
      until,
    },
  ]
}

export const approved = (grant: GrantId, at: Instant): GrantEvent[] => [
  { kind: 'approval_given', at, by: bob, act: act('approve', 'bob', grant) },
  { kind: 'approved', at, until: (at + 600_000) as Instant },
]

/** Ends at `at` + 60 s; the revoke SLO is 5 s. */
export function activated(grant: GrantId, at: Instant): GrantEvent[] {
  const order = sealed(payloadTypes.order, { grant, op: 'open', revokeSloSeconds: 5 })
  return [
    {
      kind: 'activated',
      at,
      act: act('activate', 'ada', grant),
      decision: sealed(payloadTypes.decision, { grant }),
      decisionDigest: keyOf('decision'),
      bundleDigest: keyOf('bundle'),
      engine: 'cedar-wasm 4.13.0',
      facts: { system: 'payments-db' } as Facts,
      notAfter: (at + 60_000) as Instant,
      voidIf: [],
    },
    {
      kind: 'ordered',
      at,
      op: 'open',
      target: 'payments-pg',
      enforcer: 'enf-payments',
      order,
      orderDigest: digestOfAct(order),
    },
    { kind: 'review_opened', at, due: (at + 86_400_000) as Instant, group: 'reviewers' },
  ]
}

export function reported(
  grant: GrantId,
  at: Instant,
  seq: number,
  detail: ReceiptDetail,
): GrantEvent {
  const said: Partial<Receipt> = { enforcer: 'enf-payments', seq, detail, grant }
  const receipt = sealed(payloadTypes.receipt, said)
  return {
    kind: 'reported',
    at,
    target: 'payments-pg',
    enforcer: 'enf-payments',
    report: detail,
    receipt,
    receiptDigest: digestOfAct(receipt),
  }
}

export const applied = {
  kind: 'applied',
  sealedDigest: keyOf('jwe'),
  revealId: 'r1',
} as const
export const absent = {
  kind: 'absent',
  probes: [{ probe: 'pg_authid', absent: true, at: 0 as Instant }],
  alreadyAbsent: false,
} as const

/** One emergency, from the request to the closed review. */
export function wholeStory(grant: GrantId, at: Instant, seq = 0): GrantEvent[] {
  const closing = act('review', 'dee', grant)
  return [
    ...asked(grant, at),
    ...approved(grant, at),
    ...activated(grant, at),
    reported(grant, at, seq, applied),
    {
      kind: 'exposed',
      at,
      target: 'payments-pg',
      revealId: 'r1',
      sealedDigest: keyOf('jwe'),
    },
    { kind: 'expired', at },
    reported(grant, at, seq + 1, absent),
    {
      kind: 'closed',
      at,
      by: dee,
      finding: 'justified',
      evidenceDigest: keyOf('evidence'),
      followUps: [],
      noteCommitment: keyOf('note'),
      act: closing,
    },
  ]
}
