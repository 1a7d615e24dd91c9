/**
 * Whether a grant is what its evidence says: steps 1 to 10 of PROTOCOL 3.6.
 *
 * Every step is evaluated, whatever the others found, and every failure is reported: the reasons are the
 * product. Where a step cannot see what it judges, the step that should have shown it has failed, so nothing
 * passes for want of evidence.
 *
 * @module
 */
import type { Decision, Digest, Guard, OpenOrder, Roster } from '@halligan/core'
import type { Checkpoint } from './checkpoint.ts'
import type { Crypto } from './crypto.ts'
import { type Evidence, readClaims, type Situation, type Trust } from './evidence.ts'
import { checkpoint, inclusion, issuerStatements, rosterChain } from './log-steps.ts'
import { digests, guarded, localState, time } from './order-steps.ts'
import { approvals, requesterActs } from './people-steps.ts'
import type { Judged, Step } from './step.ts'

export type StepNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10

/** `code` is stable; `detail` names the member and what was expected. */
export type Failure = Readonly<{ step: StepNumber; code: string; detail: string }>

/** What all steps together proved. */
export type ProvenGrant = Readonly<{
  roster: Roster
  rosterDigest: Digest
  /** To be persisted before anything is opened. */
  checkpoint: Checkpoint
  decision: Decision
  decisionDigest: Digest
  order: OpenOrder
  orderDigest: Digest
  /** The fence. */
  orderIndex: number
}>

export type Verdict = Readonly<{
  ok: boolean
  failures: readonly Failure[]
  /** Steps for which the verifier has no standing: a case file has no guard, clock or local state. */
  notJudged: readonly StepNumber[]
  proven: ProvenGrant | null
}>

type Row = readonly [StepNumber, Step, needs?: 'guard' | 'situation']

const steps: readonly Row[] = [
  [1, rosterChain],
  [2, checkpoint],
  [3, issuerStatements],
  [4, inclusion],
  [5, digests],
  [6, requesterActs],
  [7, approvals],
  [8, guarded, 'guard'],
  [9, time, 'situation'],
  [10, localState, 'situation'],
]

/** `guard` and `situation` are the enforcer's; null for those who only read the story afterwards. */
export function verifyGrant(
  crypto: Crypto,
  evidence: Evidence,
  trust: Trust,
  guard: Guard | null,
  situation: Situation | null,
): Verdict {
  const claims = readClaims(crypto, evidence)
  const judged: Judged = { crypto, claims, trust, guard, situation }
  const isBlind = ([, , needs]: Row) => needs !== undefined && judged[needs] === null
  const failures = steps
    .filter((row) => !isBlind(row))
    .flatMap(([step, judge]) => [...judge(judged)].map((fault) => ({ step, ...fault })))
  const notJudged = steps.filter(isBlind).map(([step]) => step)
  const proven = failures.length === 0 ? provenIn(judged) : null
  return { ok: failures.length === 0, failures, notJudged, proven }
}

function provenIn({ claims }: Judged): ProvenGrant {
  const { chain, latest, checkpoint, decision, order } = claims
  const rosterDigest = chain.ok ? chain.value.digests.at(-1) : undefined
  if (
    rosterDigest === undefined ||
    latest === null ||
    checkpoint === null ||
    decision.statement === null ||
    decision.digest === null ||
    order.statement === null ||
    order.digest === null ||
    order.proof === null
  )
    throw new Error('a step passed what it could not read')
  return {
    roster: latest,
    rosterDigest,
    checkpoint,
    decision: decision.statement,
    decisionDigest: decision.digest,
    order: order.statement,
    orderDigest: order.digest,
    orderIndex: order.proof.index,
  }
}
