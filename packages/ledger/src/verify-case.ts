/**
 * Whether a case file is true, proved member by member from a roster digest that somebody trusts.
 *
 * @module
 */
import type { Digest, Grant } from '@halligan/core'
import {
  blobs,
  bundle,
  type CaseFailure,
  checkpoint,
  entries,
  type Failures,
  type OpenCase,
  replayed,
  rosters,
} from './case-checks.ts'
import { type CaseFile, parseCaseFile } from './case-file.ts'
import { rules } from './case-rules.ts'
import { acts, openings, orders, receipts } from './case-statements.ts'
import { parseCheckpoint } from './checkpoint.ts'
import type { Crypto } from './crypto.ts'
import { followRosterChain } from './roster.ts'

export type CaseMember = Readonly<{ name: string; ok: boolean; detail: string }>

/**
 * `proven`: true, if the trusted digest is the right one. `untrusted`: consistent, trusted by nobody.
 * `failed`: at least one thing is not as the file says.
 */
export type CaseReport = Readonly<{
  verdict: 'proven' | 'failed' | 'untrusted'
  members: readonly CaseMember[]
  failures: readonly CaseFailure[]
  /** What the file ends with; null unless nothing failed. */
  grant: Grant | null
  drill: boolean
}>

type Check = readonly [name: string, check: (open: OpenCase) => Failures, what: string]

const checks: readonly Check[] = [
  ['rosters', rosters, 'each version signed by the trustees of the one before'],
  ['checkpoint', checkpoint, 'signed by the log'],
  ['entries', entries, 'chained without a hole, included in the log'],
  ['blobs', blobs, 'open their commitments, or were erased'],
  ['bundle', bundle, 'is the one that ruled'],
  ['openings', openings, 'stand on steps 1 to 7'],
  ['acts', acts, 'signed by those they name'],
  ['orders', orders, 'signed by the issuer'],
  ['receipts', receipts, 'signed by their enforcers'],
  ['rules', rules, 'kept by what the log alone vouches for'],
  ['final', replayed, 'replays'],
]

/**
 * Judges every member and reports every failure, the file's own form first: bytes that are not their own
 * serialisation are not read further. Never throws for anything in `source` (AU-16).
 */
export function verifyCaseFile(
  crypto: Crypto,
  source: Uint8Array,
  trustDigest: Digest | null,
): CaseReport {
  const parsed = parseCaseFile(source)
  if (!parsed.ok) return failed([member('file', [parsed.error], '')], [parsed.error])
  const opened = openCase(crypto, parsed.value, trustDigest)
  if ('where' in opened) return failed([member(opened.where, [opened], '')], [opened])
  const judged = checks.map(([name, check, what]) => {
    const failures = [...check(opened)]
    return { failures, member: member(name, failures, what) }
  })
  const failures = judged.flatMap((one) => one.failures)
  const members = [
    member('file', [], 'its own serialisation'),
    ...judged.map((one) => one.member),
  ]
  if (failures.length > 0) return failed(members, failures)
  const grant = parsed.value.final
  const verdict = trustDigest === null ? 'untrusted' : 'proven'
  return { verdict, members, failures, grant, drill: grant.drill }
}

/** Without a roster and a checkpoint there is nothing to prove against. */
function openCase(
  crypto: Crypto,
  file: CaseFile,
  trustDigest: Digest | null,
): OpenCase | CaseFailure {
  const chain = followRosterChain(crypto, file.rosters)
  if (!chain.ok)
    return { where: 'rosters', code: chain.error.code, detail: chain.error.reason }
  const latest = chain.value.rosters.at(-1)
  const text = file.checkpoint.slice(0, file.checkpoint.lastIndexOf('\n\n') + 1)
  const claimed = parseCheckpoint(text)
  if (latest === undefined || claimed === null)
    return { where: 'checkpoint', code: 'malformed_checkpoint', detail: 'not a checkpoint' }
  return { crypto, file, chain: chain.value, latest, checkpoint: claimed, trustDigest }
}

const failed = (
  members: readonly CaseMember[],
  failures: readonly CaseFailure[],
): CaseReport => ({ verdict: 'failed', members, failures, grant: null, drill: false })

const member = (name: string, [first]: readonly CaseFailure[], what: string): CaseMember =>
  first === undefined
    ? { name, ok: true, detail: what }
    : { name, ok: false, detail: `${first.where}: ${first.detail}` }
