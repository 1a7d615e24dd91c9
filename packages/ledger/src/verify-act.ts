import {
  type Act,
  type Digest,
  type Envelope,
  type Instant,
  ok,
  type Principal,
  type PrincipalKey,
  type Result,
  type Roster,
  refuse,
  type Verb,
} from '@halligan/core'
import { parseAct } from './act-shape.ts'
import type { Crypto } from './crypto.ts'
import { digestOf, digestOfBytes } from './digest.ts'
import {
  type EnvelopeRefusal,
  payloadTypes,
  readEnvelope,
  verifyEnvelope,
} from './envelope.ts'

export type VerifiedAct = Readonly<{
  act: Act
  principal: Principal
  key: PrincipalKey
  /** The act's identity and idempotency key. */
  digest: Digest
}>

export type ActRefusal =
  | EnvelopeRefusal
  | Readonly<{
      code: 'malformed_act' | 'other_estate' | 'unknown_principal' | 'unknown_key'
      reason: string
    }>
  | Readonly<{ code: 'key_cooling_down'; from: Instant; reason: string }>

/**
 * The act, if the roster's key of the principal it names signed exactly these canonical bytes. `now` only
 * decides whether a new key may approve or attest yet; nonces, roles and phases are for the server to judge.
 */
export function verifyAct(
  crypto: Crypto,
  envelope: Envelope,
  roster: Roster,
  now: Instant,
): Result<VerifiedAct, ActRefusal> {
  const signed = verifyActSignature(crypto, envelope, roster)
  if (!signed.ok || !vouches(signed.value.act.verb)) return signed
  const from = signed.value.key.approvesFrom
  if (now >= from) return signed
  return refuse({ code: 'key_cooling_down', from, reason: 'the key is new' })
}

/** As {@link verifyAct}, without the cool-down: for those who judge the time of signing themselves. */
export function verifyActSignature(
  crypto: Crypto,
  envelope: Envelope,
  roster: Roster,
): Result<VerifiedAct, ActRefusal> {
  const read = readEnvelope(payloadTypes.act, envelope)
  if (!read.ok) return read
  const parsed = parseAct(read.value.value)
  if (!parsed.ok) return no('malformed_act', parsed.error.reason)
  const act = parsed.value
  if (act.estate !== roster.estate)
    return no('other_estate', `signed for ${act.estate}, not ${roster.estate}`)
  const contradiction = whyContradictory(crypto, act)
  if (contradiction !== null) return no('malformed_act', contradiction)
  const principal = roster.people.find(({ person }) => person === act.by)
  if (principal === undefined)
    return no('unknown_principal', `${act.by} is not in the roster`)
  const key = principal.keys.find(({ keyId }) => keyId === act.keyId)
  if (key === undefined) return no('unknown_key', `${act.keyId} is no key of ${act.by}`)
  const verified = verifyEnvelope(crypto, payloadTypes.act, envelope, [key])
  if (!verified.ok) return verified
  return ok({ act, principal, key, digest: digestOfBytes(crypto, read.value.bytes) })
}

/** An act that carries terms speaks of those and no others. */
function whyContradictory(crypto: Crypto, act: Act): string | null {
  if (act.verb !== 'request') return null
  const { terms } = act.body
  if (terms.grant !== act.grant) return 'body.terms.grant: the grant of the act'
  if (terms.estate !== act.estate) return 'body.terms.estate: the estate of the act'
  if (digestOf(crypto, terms) !== act.termsDigest) return 'termsDigest: of body.terms'
  return null
}

/** Verbs by which one person stands in for the trust of others. */
const vouching: readonly Verb[] = ['approve', 'approve_policy', 'attest']
const vouches = (verb: Verb): boolean => vouching.includes(verb)

const no = (
  code: 'malformed_act' | 'other_estate' | 'unknown_principal' | 'unknown_key',
  reason: string,
) => refuse({ code, reason } as const)
