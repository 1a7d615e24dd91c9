/**
 * What a server says of drift, checked: each target's record is a chain without a hole, and each finding is what an
 * enforcer of the roster signed.
 *
 * @module
 */
import type { DriftAnswer } from '@halligan/contract'
import {
  type Digest,
  type Envelope,
  type GrantId,
  type Instant,
  ok,
  type PrincipalId,
  type Receipt,
  type Result,
  type Roster,
} from '@halligan/core'
import { type Crypto, isOwnId, payloadTypes, verifyEnvelope } from '@halligan/ledger'
import { openTexts } from './grant-answer.ts'
import { type ClientRefusal, deceived } from './refusal.ts'

/** One report of an enforcer that no grant explained. */
export type Found = Readonly<{
  /** Where it stands in the log. */
  index: number
  /** When the control plane entered it. */
  at: Instant
  target: string
  enforcer: string
  /** A stable name, e.g. `foreign_login`. */
  what: string
  /** Of a report that names a grant. */
  grant: GrantId | null
  /** The enforcer's own words for what it found; null where there are none, or where they were erased. */
  object: string | null
  /** Whom the server told, as it says; null: nobody. This is not in the log. */
  told: Readonly<{ urgency: 'page' | 'tell'; to: readonly PrincipalId[] }> | null
}>

type Record = DriftAnswer['targets'][number]

/** In log order, for each of `asked`. The latest entry of each record has to be proven by who calls. */
export function verifyDriftAnswer(
  crypto: Crypto,
  rosters: readonly Roster[],
  asked: readonly string[],
  answer: DriftAnswer,
): Result<readonly Found[], ClientRefusal> {
  const names = answer.targets.map(({ target }) => target)
  if (names.join('\n') !== asked.join('\n'))
    return deceived(
      'other_entry',
      `asked of ${asked.join(', ')}, answered of ${names.join(', ')}`,
    )
  const texts = openTexts(crypto, answer.blobs as Parameters<typeof openTexts>[1])
  if (!texts.ok) return texts
  const found: Found[] = []
  for (const record of answer.targets) {
    const chained = verifyRecord(crypto, record)
    if (!chained.ok) return chained
    for (const placed of record.entries.filter(({ entry }) => entry.kind === 'drift')) {
      const receipt = signedReport(crypto, rosters, record.target, placed)
      if (!receipt.ok) return receipt
      found.push(foundIn(placed, receipt.value, texts.value, answer.told))
    }
  }
  return ok(found)
}

/** The record may begin before what is shown of it; within it nothing is left out. */
function verifyRecord(
  crypto: Crypto,
  { target, entries }: Record,
): Result<null, ClientRefusal> {
  let prev: Digest | null | undefined
  for (const { index, entry } of entries) {
    const follows = prev === undefined || entry.prev === prev
    if (!follows || entry.subject !== `target/${target}`)
      return deceived('other_entry', `an entry of ${target} is missing before ${index}`)
    if (!isOwnId(crypto, entry))
      return deceived('other_entry', `entry ${index} is not what its id names`)
    prev = entry.id
  }
  return ok(null)
}

/** By a key that some accepted version of the roster gave to an enforcer of the target. */
function signedReport(
  crypto: Crypto,
  rosters: readonly Roster[],
  target: string,
  { index, entry }: Record['entries'][number],
): Result<Receipt, ClientRefusal> {
  const keys = rosters
    .flatMap(({ enforcers }) => enforcers)
    .filter(({ targets }) => targets.includes(target))
    .map(({ keyId, key }) => ({ keyId, pub: key }))
  const read = verifyEnvelope<Receipt>(
    crypto,
    payloadTypes.receipt,
    entry.receipt as unknown as Envelope,
    keys,
  )
  if (!read.ok)
    return deceived('receipt_unsigned', `the report in ${index} fails: ${read.error.code}`)
  const receipt = read.value.value
  const { detail } = receipt
  const what = detail.kind === 'drifted' ? detail.what : `unexplained_${detail.kind}`
  return receipt.target === target && entry.what === what
    ? ok(receipt)
    : deceived('receipt_of_another', `entry ${index} is not what its report says`)
}

function foundIn(
  { index, entry }: Record['entries'][number],
  { enforcer, target, grant, detail }: Receipt,
  texts: ReadonlyMap<string, string | null>,
  told: DriftAnswer['told'],
): Found {
  const heard = told.find((one) => one.index === index)
  return {
    index,
    at: entry.at,
    target,
    enforcer,
    what: String(entry.what),
    grant,
    object: detail.kind === 'drifted' ? (texts.get(detail.object) ?? null) : null,
    told: heard === undefined ? null : { urgency: heard.urgency, to: heard.to },
  }
}
