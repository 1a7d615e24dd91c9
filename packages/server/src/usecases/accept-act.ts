/**
 * The one way in for what people decide: a signed act is verified, its nonce spent, its texts opened, its
 * author's permission asked, and only then is the verb's own rule run; and if anything says no,
 * that no is entered. Authorisation and record cannot come apart, because both are here.
 *
 * @module
 */
import {
  type Act,
  type ActOf,
  type Commitment,
  type Digest,
  type Envelope,
  type GrantId,
  type Instant,
  ok,
  type Phase,
  type Principal,
  type PrincipalKey,
  type Result,
  refuse,
  type Verb,
} from '@halligan/core'
import { payloadTypes, readEnvelope, verifyActSignature } from '@halligan/ledger'
import type { NonceScope } from '../nonce.ts'
import type { Blob, Placed, Tx, View } from '../store/port.ts'
import { keepBlobs } from './blobs.ts'
import type { Deps } from './deps.ts'
import { type Asked, permitted } from './permission.ts'
import { recordRefusal } from './record-refusal.ts'
import type { Refusal } from './refusal.ts'

export type ActInput = Readonly<{ act: Envelope; blobs: readonly Blob[] }>

/** An act whose signature, author and form are beyond doubt. */
export type SignedAct<V extends Verb> = Readonly<{
  act: ActOf<V>
  by: Principal
  key: PrincipalKey
  digest: Digest
  envelope: Envelope
  blobs: readonly Blob[]
}>

/** What an act made happen. `act` is its digest: asked again, the same answer comes back. */
export type ActAnswer = Readonly<{
  act: Digest
  entries: readonly Readonly<{ index: number; id: Digest; kind: string }>[]
  grant?: GrantId
  phase?: Phase
  incident?: string
  bundleDigest?: Digest
}>

export type Effect = Readonly<
  { entries: readonly Placed[] } & Pick<
    ActAnswer,
    'grant' | 'phase' | 'incident' | 'bundleDigest'
  >
>

/** The moment of judgement: `ageSeconds` is how long ago the act's nonce was handed out. */
export type Moment = Readonly<{ now: Instant; ageSeconds: number }>

export type ActRule<V extends Verb> = Readonly<{
  /** Commitments whose texts must come with the act. */
  opens?(signed: SignedAct<V>): readonly Commitment[]
  /** All that the policy must permit; nothing when the verb's own rule asks the policy. */
  asks(tx: Tx, signed: SignedAct<V>): Result<readonly Asked[], Refusal>
  /** Synchronous, and touches nothing but `tx`. */
  run(tx: Tx, signed: SignedAct<V>, moment: Moment): Result<Effect, Refusal>
  /** What a refusal makes happen, beside its own entry. */
  onRefusal?(tx: Tx, signed: SignedAct<V>, refusal: Refusal, now: Instant): void
}>

export async function acceptAct<V extends Verb>(
  deps: Deps,
  verb: V,
  input: ActInput,
  rule: ActRule<V>,
): Promise<Result<ActAnswer, Refusal>> {
  const signed = verifySigned(deps, verb, input)
  return signed.ok ? await submitAct(deps, signed.value, rule) : signed
}

/** Outside the writer: signatures are slow. What no enrolled key signed is only counted. */
export function verifySigned<V extends Verb>(
  deps: Deps,
  verb: V,
  { act: envelope, blobs }: ActInput,
): Result<SignedAct<V>, Refusal> {
  const verified = verifySignature(deps, deps.view(), envelope)
  if (!verified.ok) return turnAway(deps, verified.error)
  const { act, principal, key, digest } = verified.value
  if (!isVerb(act, verb)) return turnAway(deps, { code: 'wrong_verb', verb: act.verb })
  return ok({ act, by: principal, key, digest, envelope, blobs })
}

/** The same act again, in any state of the world, gets the answer it got first (INV-22). */
export const submitAct = <V extends Verb>(
  deps: Deps,
  signed: SignedAct<V>,
  rule: ActRule<V>,
): Promise<Result<ActAnswer, Refusal>> =>
  deps.writer.submit<ActAnswer, Refusal>({
    name: signed.act.verb,
    key: signed.digest,
    transient: ['facts_stale'],
    ...(endingVerbs.includes(signed.act.verb) ? ending(signed.envelope) : {}),
    run: (tx, now) => {
      const moment = admit(deps, tx, signed, rule, now)
      if (!moment.ok) return moment
      const effect = rule.run(tx, signed, moment.value)
      return effect.ok ? ok(answerOf(signed, effect.value)) : effect
    },
    onRefusal: (tx, refusal, now) => {
      rule.onRefusal?.(tx, signed, refusal, now)
      enterRefusal(deps, tx, signed, refusal, now)
    },
  })

/** These end access or hinder it, so they are heard in SAFE MODE too (INV-18). */
const endingVerbs: readonly Verb[] = [
  'deny',
  'withdraw',
  'revoke',
  'return',
  'close_incident',
]

const ending = (envelope: Envelope) =>
  ({ ending: true, journal: { kind: 'act', envelope } }) as const

function admit<V extends Verb>(
  deps: Deps,
  tx: Tx,
  signed: SignedAct<V>,
  rule: ActRule<V>,
  now: Instant,
): Result<Moment, Refusal> {
  const still = stillEnrolled(deps, tx, signed)
  if (!still.ok) return still
  const nonce = deps.nonces.check(signed.act.nonce, scopeOf(tx, signed.act), now)
  if (!nonce.ok) return nonce
  const { issuedAt, expires } = nonce.value
  if (!tx.useNonce(signed.act.nonce, expires)) return refuse({ code: 'nonce_used' })
  const asked = rule.asks(tx, signed)
  if (!asked.ok) return asked
  for (const question of asked.value) {
    const answer = permitted(deps, tx, signed.by, question)
    if (!answer.ok) return answer
  }
  const kept = keepBlobs(deps.crypto, tx, signed.blobs, rule.opens?.(signed) ?? [])
  if (!kept.ok) return kept
  return ok({ now, ageSeconds: Math.max(0, Math.floor((now - issuedAt) / 1000)) })
}

/** A roster accepted since the signature was checked may have taken the key away. */
function stillEnrolled<V extends Verb>(
  deps: Deps,
  tx: Tx,
  { act, envelope, key }: SignedAct<V>,
): Result<null, Refusal> {
  const { roster } = deps.inForce.roster(tx)
  if (act.estate !== roster.estate)
    return refuse({ code: 'other_estate', reason: `signed for ${act.estate}` })
  if (roster.people.some(({ keys }) => keys.includes(key))) return ok(null)
  const again = verifySignature(deps, tx, envelope)
  return again.ok ? ok(null) : again
}

/**
 * By a key of this roster, for whatever estate the act names: one that was signed for another
 * estate is the signer's doing, and its refusal stands in the signer's record.
 */
function verifySignature(deps: Deps, view: View, envelope: Envelope) {
  const { roster } = deps.inForce.roster(view)
  const read = readEnvelope<Partial<Act> | null>(payloadTypes.act, envelope)
  const estate = (read.ok && read.value.value?.estate) || roster.estate
  return verifyActSignature(deps.crypto, envelope, { ...roster, estate })
}

const scopeOf = (tx: Tx, act: ActOf<Verb>): NonceScope => ({
  verb: act.verb,
  grant: act.grant ?? null,
  termsDigest: act.termsDigest ?? null,
  person: act.by,
  origin: tx.head().origin,
})

/** One entry for one refused act, whose nonce is spent all the same. */
function enterRefusal<V extends Verb>(
  deps: Deps,
  tx: Tx,
  { act, digest }: SignedAct<V>,
  { code }: Refusal,
  now: Instant,
): void {
  const nonce = deps.nonces.check(act.nonce, scopeOf(tx, act), now)
  if (nonce.ok) tx.useNonce(act.nonce, nonce.value.expires)
  recordRefusal(
    tx,
    { code, verb: act.verb, grant: act.grant ?? null, actDigest: digest, by: act.by },
    now,
  )
}

function turnAway(deps: Deps, refusal: Refusal): Result<never, Refusal> {
  deps.refusals.count(refusal.code)
  return refuse(refusal)
}

const isVerb = <V extends Verb>(act: { verb: Verb }, verb: V): act is ActOf<V> =>
  act.verb === verb

const answerOf = <V extends Verb>(
  { digest }: SignedAct<V>,
  { entries, ...rest }: Effect,
): ActAnswer => ({
  act: digest,
  entries: entries.map(({ index, entry: { id, kind } }) => ({ index, id, kind })),
  ...rest,
})
