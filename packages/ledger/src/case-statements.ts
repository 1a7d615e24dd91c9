/**
 * What people, issuer and enforcers signed in a case, and that each entry says no more than its statement.
 *
 * @module
 */
import {
  type Act,
  type Envelope,
  isShown,
  type Json,
  type Roster,
  type Verb,
} from '@halligan/core'
import { base64 } from './base64.ts'
import { canonicalText } from './canonical.ts'
import { type Failures, failure, type OpenCase, whereIs } from './case-checks.ts'
import type { CaseEntry } from './case-file.ts'
import { isEnvelope, payloadDigest, payloadTypes, verifyEnvelope } from './envelope.ts'
import type { Evidence, Proved } from './evidence.ts'
import { issuersAt } from './issuers.ts'
import { parseOrder, parseReceipt } from './statement-shape.ts'
import { formatProof } from './tlog-proof.ts'
import { verifyActSignature } from './verify-act.ts'
import { verifyGrant } from './verify-grant.ts'

/** Every open order stands on steps 1 to 7 of PROTOCOL 3.6, exactly as its enforcer judged it. */
export function* openings(open: OpenCase): Failures {
  const { crypto, file, chain, trustDigest } = open
  const rosterDigest = trustDigest ?? chain.digests[0]
  if (rosterDigest === undefined) return
  const trust = { estate: file.estate, rosterDigest, checkpointSeen: null }
  for (const [i, item] of file.entries.entries()) {
    if (item.entry.kind !== 'ordered' || item.entry.op !== 'open') continue
    const where = whereIs(i, item)
    const evidence = evidenceFor(open, item)
    if (evidence === null) {
      yield failure(where, 'no_evidence', 'no request and decision before it')
      continue
    }
    const verdict = verifyGrant(crypto, evidence, trust, null, null)
    for (const { step, code, detail } of verdict.failures)
      yield failure(where, code, `step ${step}: ${detail}`)
  }
}

/** What an act must be, to be behind an entry of this kind; null where nobody need have acted. */
const verbOf: Readonly<Record<string, Verb>> = {
  requested: 'request',
  approval_given: 'approve',
  denied: 'deny',
  withdrawn: 'withdraw',
  activated: 'activate',
  revoked: 'revoke',
  returned: 'return',
  reveal_asked: 'reveal',
  attestation_given: 'attest',
  closed: 'review',
  superseded: 'review',
}

/** Ends that nobody acts for: an incident closed, or the enforcers ended or refused everything themselves. */
const causesWithoutAct: readonly Json[] = [
  'incident_closed',
  'ended_locally',
  'all_refused',
]

const needsNobody = ({ kind, cause = null }: CaseEntry['entry']): boolean =>
  (kind === 'revoked' || kind === 'returned') && causesWithoutAct.includes(cause)

/** Each act is signed by a key of its author, is of the entry's verb, and says what the entry says. */
export function* acts(open: OpenCase): Failures {
  for (const [i, item] of open.file.entries.entries()) {
    const { entry } = item
    const verb = Object.hasOwn(verbOf, entry.kind) ? verbOf[entry.kind] : undefined
    if (verb === undefined) continue
    const where = whereIs(i, item)
    const { act: envelope } = entry
    if (envelope === null && entry.by === null && needsNobody(entry)) continue
    if (!isEnvelope(envelope)) {
      yield failure(where, 'missing_act', `no ${verb} act`)
      continue
    }
    const signed = verifiedAct(open, envelope)
    if (!signed.ok) {
      yield failure(where, signed.error.code, signed.error.reason)
      continue
    }
    const { act, key } = signed.value
    if (act.verb !== verb) yield failure(where, 'wrong_verb', act.verb)
    if (act.grant !== open.file.grant) yield failure(where, 'other_grant', `${act.grant}`)
    if (vouches(verb) && key.approvesFrom > entry.at)
      yield failure(where, 'key_cooling_down', `until ${key.approvesFrom}`)
    for (const [member, said] of Object.entries(saidBy(act)))
      if (!isSame(entry[member] ?? null, said ?? null))
        yield failure(where, 'entry_differs', `${member}: not as signed`)
  }
}

/** Each order is the issuer's, for this grant, and what its entry says. */
export function* orders({ crypto, file, latest, checkpoint }: OpenCase): Failures {
  for (const [i, item] of file.entries.entries()) {
    const { entry, index } = item
    if (entry.kind !== 'ordered') continue
    const where = whereIs(i, item)
    const { order: envelope } = entry
    if (!isEnvelope(envelope)) {
      yield failure(where, 'malformed_order', 'no envelope')
      continue
    }
    const place = { origin: checkpoint.origin, index }
    const keys = issuersAt(latest, entry.at, place)
    const verified = verifyEnvelope(crypto, payloadTypes.order, envelope, keys)
    const order = verified.ok ? parseOrder(verified.value.value) : verified
    if (!order.ok) {
      yield failure(where, order.error.code, order.error.reason)
      continue
    }
    const { op, target, enforcer, grant, estate } = order.value
    if (grant !== file.grant || estate !== file.estate)
      yield failure(where, 'other_grant', `${grant} of ${estate}`)
    const orderDigest = payloadDigest(crypto, envelope)
    yield* differences(where, entry, { op, target, enforcer, orderDigest })
  }
}

/** Each receipt is its enforcer's, for this grant, and what its entry says. */
export function* receipts(open: OpenCase): Failures {
  const { crypto, file } = open
  for (const [i, item] of file.entries.entries()) {
    const { entry } = item
    if (entry.kind !== 'reported') continue
    const where = whereIs(i, item)
    const { receipt: envelope } = entry
    if (!isEnvelope(envelope)) {
      yield failure(where, 'malformed_receipt', 'no envelope')
      continue
    }
    const keys = open.chain.rosters
      .flatMap(({ enforcers }) => enforcers)
      .filter(({ id }) => id === entry.enforcer)
      .map(({ keyId, key }) => ({ keyId, pub: key }))
    const verified = verifyEnvelope(crypto, payloadTypes.receipt, envelope, keys)
    const receipt = verified.ok ? parseReceipt(verified.value.value) : verified
    if (!receipt.ok) {
      yield failure(where, receipt.error.code, receipt.error.reason)
      continue
    }
    const { grant, estate, target, enforcer, detail: report } = receipt.value
    if (grant !== file.grant || estate !== file.estate)
      yield failure(where, 'other_grant', `${grant} of ${estate}`)
    const receiptDigest = payloadDigest(crypto, envelope)
    yield* differences(where, entry, { target, enforcer, report, receiptDigest })
    if (!isShown(report))
      yield failure(where, 'absence_not_shown', 'no probe, or one that still shows access')
  }
}

function evidenceFor({ file }: OpenCase, order: CaseEntry): Evidence | null {
  const before = file.entries.filter(({ index }) => index < order.index)
  const request = before.find(({ entry }) => entry.kind === 'requested')
  const decision = before.findLast(({ entry }) => entry.kind === 'activated')
  if (request === undefined || decision === undefined) return null
  const prove = ({ index, path, entry }: CaseEntry): Proved => ({
    entry,
    proof: formatProof({
      index,
      hashes: path.map((hash) => base64.decode(hash) ?? new Uint8Array()),
      checkpoint: file.checkpoint,
    }),
  })
  return {
    rosters: file.rosters,
    checkpoint: file.checkpoint,
    consistency: null,
    beacon: null,
    order: prove(order),
    decision: prove(decision),
    request: prove(request),
    approvals: before.filter(({ entry }) => entry.kind === 'approval_given').map(prove),
  }
}

/** Under the newest version of the roster that knows the key: people leave after they have acted. */
function verifiedAct({ crypto, chain, latest }: OpenCase, envelope: Envelope) {
  const keyId = envelope.signatures[0]?.keyid
  const knows = ({ people }: Roster) =>
    people.some(({ keys }) => keys.some((key) => key.keyId === keyId))
  return verifyActSignature(crypto, envelope, chain.rosters.findLast(knows) ?? latest)
}

/** What the entry repeats of its act. */
function saidBy(act: Act): Readonly<Record<string, Json | undefined>> {
  const { by } = act
  switch (act.verb) {
    case 'request':
      return { terms: act.body.terms, termsDigest: act.termsDigest }
    case 'activate':
      return {}
    case 'reveal':
    case 'attest':
      return { by, target: act.body.target }
    case 'review':
      return { by, ...act.body }
    default:
      return { by }
  }
}

function* differences(
  where: string,
  entry: CaseEntry['entry'],
  signed: Readonly<Record<string, Json>>,
): Failures {
  for (const [member, said] of Object.entries(signed))
    if (!isSame(entry[member] ?? null, said))
      yield failure(where, 'entry_differs', `${member}: not as signed`)
}

const vouches = (verb: Verb): boolean => verb === 'approve' || verb === 'attest'

const isSame = (a: Json, b: Json): boolean => canonicalText(a) === canonicalText(b)
