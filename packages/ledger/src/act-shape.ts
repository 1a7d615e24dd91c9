import type {
  Act,
  ActBody,
  FollowUp,
  Json,
  Result,
  SealKey,
  Terms,
  TermsTarget,
  Verb,
} from '@halligan/core'
import {
  bytes,
  digest,
  grantId,
  instant,
  integer,
  isRecord,
  keyId,
  listOf,
  type Misshapen,
  nullable,
  object,
  oneOf,
  parseAs,
  type Shape,
  slug,
  sortedListOf,
  text,
  token,
} from './shape.ts'

export const sealKey = object<SealKey>({
  kty: oneOf('OKP'),
  crv: oneOf('X25519'),
  x: bytes(32),
})

/** Exact names: a pattern would let the target decide what was approved (RQ-04). */
export const privileges: Shape = (value, where) =>
  sortedListOf(text(128), { min: 1, max: 64 })(value, where) ??
  ((value as readonly string[]).some((name) => /[*?%]/.test(name))
    ? `${where}: exact privileges, no patterns`
    : null)

export const terms = object<Terms>(
  {
    estate: slug,
    grant: grantId,
    revision: integer(1),
    requester: slug,
    actsFor: listOf(slug, { min: 1, max: 16 }),
    entitlement: slug,
    targets: listOf(object<TermsTarget>({ target: slug, enforcer: slug, privileges }), {
      min: 1,
      max: 16,
    }),
    route: object<Terms['route']>({
      name: oneOf('quorum', 'solo', 'timed', 'escrow', 'offline'),
      approvals: integer(0, 16),
      groups: listOf(slug, { max: 16 }),
    }),
    lifeSeconds: integer(1, 14_400),
    incident: slug,
    reasonCommitment: digest,
  },
  'actsFor',
)

const followUp = object<FollowUp>({ owner: slug, noteCommitment: digest, due: instant })
const nothing = object<Record<never, never>>({})
const perhapsNote = object<ActBody['deny']>({ noteCommitment: digest }, 'noteCommitment')

type Needs = 'never' | 'perhaps' | 'always'

/** What each verb's act is about, and what its body may hold: nothing but this. */
const verbs: Readonly<Record<Verb, { grant: Needs; terms: Needs; body: Shape }>> = {
  request: {
    grant: 'always',
    terms: 'always',
    body: object<ActBody['request']>({ terms }),
  },
  approve: { grant: 'always', terms: 'always', body: nothing },
  deny: { grant: 'always', terms: 'always', body: perhapsNote },
  withdraw: { grant: 'always', terms: 'perhaps', body: nothing },
  activate: {
    grant: 'always',
    terms: 'always',
    body: object<ActBody['activate']>({ sealTo: sealKey }),
  },
  revoke: { grant: 'always', terms: 'perhaps', body: perhapsNote },
  return: { grant: 'always', terms: 'perhaps', body: nothing },
  reveal: {
    grant: 'always',
    terms: 'perhaps',
    body: object<ActBody['reveal']>({ target: slug, sealTo: sealKey }),
  },
  attest: {
    grant: 'always',
    terms: 'perhaps',
    body: object<ActBody['attest']>({ target: slug, noteCommitment: digest }),
  },
  review: {
    grant: 'always',
    terms: 'perhaps',
    body: object<ActBody['review']>({
      finding: oneOf('justified', 'excessive', 'misused'),
      evidenceDigest: digest,
      followUps: listOf(followUp, { max: 16 }),
      noteCommitment: digest,
    }),
  },
  open_incident: {
    grant: 'never',
    terms: 'never',
    body: object<ActBody['open_incident']>({
      incident: slug,
      severity: integer(1, 5),
      systems: listOf(slug, { max: 32 }),
      titleCommitment: digest,
    }),
  },
  close_incident: {
    grant: 'never',
    terms: 'never',
    body: object<ActBody['close_incident']>({ incident: slug }),
  },
  propose_policy: {
    grant: 'never',
    terms: 'never',
    body: object<ActBody['propose_policy']>({ bundleDigest: digest }),
  },
  approve_policy: {
    grant: 'never',
    terms: 'never',
    body: object<ActBody['approve_policy']>({ bundleDigest: digest }),
  },
  invite: {
    grant: 'never',
    terms: 'never',
    body: object<ActBody['invite']>({
      person: slug,
      kind: oneOf('human', 'service_account', 'api_key', 'agent'),
      owner: nullable(slug),
      codeDigest: digest,
    }),
  },
}

/** The act in `value`, every member of it known, or what is wrong with it. */
export function parseAct(value: Json): Result<Act, Misshapen> {
  return parseAs<Act>(act, value)
}

const act: Shape = (value, where) => {
  const verb = isRecord(value) ? value.verb : undefined
  if (!isRecord(value) || typeof verb !== 'string' || !isVerb(verb))
    return 'verb: a known verb'
  return (
    common(verbs[verb].body)(value, where) ??
    presence(value, 'grant', verbs[verb].grant) ??
    presence(value, 'termsDigest', verbs[verb].terms)
  )
}

const common = (body: Shape): Shape =>
  object<Act>(
    {
      type: oneOf('halligan/act/v1'),
      estate: slug,
      verb: oneOf(...Object.keys(verbs)),
      grant: grantId,
      termsDigest: digest,
      by: slug,
      keyId,
      nonce: token,
      at: instant,
      body,
    },
    'grant',
    'termsDigest',
  )

function presence(value: object, member: string, needs: Needs): string | null {
  const present = Object.hasOwn(value, member)
  if (needs === 'always' && !present) return `${member}: this member`
  return needs === 'never' && present ? `${member}: no such member` : null
}

const isVerb = (verb: string): verb is Verb => Object.hasOwn(verbs, verb)
