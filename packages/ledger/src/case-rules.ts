/**
 * What nobody signed, but the rules demand of a case: the entries that the log alone vouches for must follow
 * from statements that others signed.
 *
 * @module
 */
import {
  closureOf,
  type Decision,
  directoryOf,
  type Json,
  type Terms,
} from '@halligan/core'
import { parseAct } from './act-shape.ts'
import { canonicalText } from './canonical.ts'
import {
  evidenceDigest,
  type Failures,
  failure,
  type OpenCase,
  whereIs,
} from './case-checks.ts'
import { isEnvelope, payloadTypes, readEnvelope } from './envelope.ts'
import { parseDecision } from './statement-shape.ts'

export function* rules(open: OpenCase): Failures {
  yield* activation(open)
  yield* attestations(open)
  yield* independence(open)
  yield* evidence(open)
}

/** The entry confers no longer, and on no other conditions, than the decision does. */
function* activation(open: OpenCase): Failures {
  const made = decisionOf(open)
  for (const [i, item] of open.file.entries.entries()) {
    if (item.entry.kind !== 'activated') continue
    const where = whereIs(i, item)
    if (made === null) yield failure(where, 'malformed_decision', 'no decision to read')
    else if (!isSame(item.entry.notAfter, made.notAfter))
      yield failure(where, 'entry_differs', 'notAfter: not as decided')
    else if (!isSame(item.entry.voidIf, made.voidIf))
      yield failure(where, 'entry_differs', 'voidIf: not as decided')
  }
}

/** Only two people who each said so make a target attested. */
function* attestations({ file }: OpenCase): Failures {
  const given: { readonly target: Json; readonly by: Json }[] = []
  for (const [i, item] of file.entries.entries()) {
    const { kind, target = null, by = null } = item.entry
    if (kind === 'attestation_given') given.push({ target, by })
    if (kind !== 'attested') continue
    const people = new Set(
      given.filter((one) => one.target === target).map((one) => one.by),
    )
    if (people.size < 2)
      yield failure(whereIs(i, item), 'too_few_attestations', `${people.size} of 2 people`)
  }
}

/**
 * INV-4: whoever closes the review neither asked nor approved, nor answers for who did; whoever attests did not ask;
 * and both are people (INV-23).
 */
function* independence(open: OpenCase): Failures {
  const { file, chain, latest } = open
  const version = decisionOf(open)?.rosterVersion
  const roster = chain.rosters.find((one) => one.version === version) ?? latest
  const asked = termsOf(open)
  if (asked === null) return
  const closure: readonly Json[] = closureOf(
    directoryOf(roster),
    asked.requester,
    asked.actsFor,
  )
  const approvers = file.entries.flatMap(({ entry }) =>
    entry.kind === 'approval_given' ? [entry.by] : [],
  )
  const workloads: readonly Json[] = chain.rosters
    .flatMap(({ people }) => people)
    .filter(({ kind }) => kind !== 'human')
    .map(({ person }) => person)
  for (const [i, item] of file.entries.entries()) {
    const { kind, by = null } = item.entry
    const attests = kind === 'attestation_given'
    if (!attests && !isVerdict(kind)) continue
    const where = whereIs(i, item)
    if (workloads.includes(by)) yield failure(where, 'not_human', `${by}`)
    if (attests && closure.includes(by)) yield failure(where, 'own_request', `${by}`)
    if (!attests && (closure.includes(by) || approvers.includes(by)))
      yield failure(where, 'reviewer_not_independent', `${by}`)
  }
}

/** A verdict is about all that came before it: nothing was kept from the reviewer (RV-05). */
function* evidence({ crypto, file }: OpenCase): Failures {
  for (const [i, item] of file.entries.entries()) {
    if (!isVerdict(item.entry.kind)) continue
    const before = file.entries.slice(0, i).map(({ entry }) => entry)
    if (item.entry.evidenceDigest !== evidenceDigest(crypto, before))
      yield failure(whereIs(i, item), 'other_evidence', 'not of the entries before it')
  }
}

const isVerdict = (kind: string): boolean => kind === 'closed' || kind === 'superseded'

/** Null where `acts` has already said that nobody validly asked. */
function termsOf({ file }: OpenCase): Terms | null {
  const envelope = file.entries[0]?.entry.act
  if (!isEnvelope(envelope)) return null
  const read = readEnvelope(payloadTypes.act, envelope)
  const parsed = read.ok ? parseAct(read.value.value) : read
  return parsed.ok && parsed.value.verb === 'request' ? parsed.value.body.terms : null
}

function decisionOf({ file }: OpenCase): Decision | null {
  const activated = file.entries.find(({ entry }) => entry.kind === 'activated')
  const envelope = activated?.entry.decision
  if (!isEnvelope(envelope)) return null
  const read = readEnvelope(payloadTypes.decision, envelope)
  const parsed = read.ok ? parseDecision(read.value.value) : read
  return parsed.ok ? parsed.value : null
}

const isSame = (entered: Json | undefined, signed: Json): boolean =>
  entered !== undefined && canonicalText(entered) === canonicalText(signed)
