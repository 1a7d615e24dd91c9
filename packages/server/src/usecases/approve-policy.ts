import {
  closureOf,
  type Digest,
  type Envelope,
  type Instant,
  ok,
  type PrincipalId,
  type Result,
  refuse,
} from '@halligan/core'
import { type Bundle, groupsOf } from '@halligan/policy'
import type { Placed, Tx, View } from '../store/port.ts'
import {
  type ActAnswer,
  type ActInput,
  acceptAct,
  type Effect,
  type Moment,
  type SignedAct,
} from './accept-act.ts'
import type { Deps } from './deps.ts'
import { permitted } from './permission.ts'
import type { Refusal } from './refusal.ts'

/**
 * Counts one person's approval of a proposed bundle. The quorum is that of the bundle in force, and in code at
 * least one person other than the author; at the quorum the bundle is in force.
 */
export const approvePolicy = (
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, 'approve_policy', input, {
    asks: () => ok([{ action: 'changePolicy' }]),
    run: (tx, signed, moment) => approve(deps, tx, signed, moment),
  })

type Change = Readonly<{ author: PrincipalId; approvers: readonly PrincipalId[] }>

function approve(
  deps: Deps,
  tx: Tx,
  { act, by, key, envelope }: SignedAct<'approve_policy'>,
  { now }: Moment,
): Result<Effect, Refusal> {
  const { bundleDigest } = act.body
  const change = changeOf(tx, bundleDigest)
  if (change === null) return refuse({ code: 'unknown_bundle' })
  if (change === 'applied') return refuse({ code: 'already_done' })
  if (by.kind !== 'human') return refuse({ code: 'not_human' })
  if (now < key.approvesFrom)
    return refuse({ code: 'key_cooling_down', from: key.approvesFrom })
  if (isAuthor(deps, tx, change, act.by)) return refuse({ code: 'own_request' })
  if (change.approvers.includes(act.by)) return refuse({ code: 'already_approved' })
  const policy = deps.inForce.policy(tx)
  if (!policy.ok) return policy
  const { groups } = policy.value.estate.policyChange
  if (!mayApprove(deps, tx, act.by)) return refuse({ code: 'not_an_approver', groups })
  const given = enterApproval(tx, act.by, bundleDigest, envelope, now)
  const standing = [...change.approvers, act.by].filter(
    (person) => !isAuthor(deps, tx, change, person) && mayApprove(deps, tx, person),
  )
  if (new Set(standing).size < approvalsNeeded(policy.value))
    return ok({ entries: [given], bundleDigest })
  const applied = tx.append({
    at: now,
    kind: 'policy_applied',
    subject: 'policy',
    actor: act.by,
    bundleDigest,
    cause: 'quorum',
  })
  return ok({ entries: [given, applied], bundleDigest })
}

/** The latest proposal of that bundle. Approvals of an earlier one do not count (PO-05). */
function changeOf(tx: Tx, digest: Digest): Change | 'applied' | null {
  const entries = tx
    .entriesOf('policy')
    .filter(({ entry }) => entry.bundleDigest === digest)
  const start = entries.findLastIndex(({ entry }) => entry.kind === 'policy_proposed')
  const proposal = entries[start]
  if (proposal === undefined) return null
  const since = entries.slice(start + 1)
  if (since.some(({ entry }) => entry.kind === 'policy_applied')) return 'applied'
  return {
    author: proposal.entry.actor as PrincipalId,
    approvers: since
      .filter(({ entry }) => entry.kind === 'policy_approval_given')
      .map(({ entry }) => entry.by as PrincipalId),
  }
}

/** In code at least one, whatever the bundle in force says. */
export const approvalsNeeded = ({ estate }: Bundle): number =>
  Math.max(1, estate.policyChange.approvals)

/** The people, each a human, who could approve what `author` proposes under the bundle in force. */
export function approversOf(
  deps: Deps,
  view: View,
  author: PrincipalId,
): readonly PrincipalId[] {
  const { directory } = deps.inForce.roster(view)
  const same = closureOf(directory, author)
  return [...directory.values()]
    .filter(
      (by) =>
        by.kind === 'human' &&
        !same.includes(by.person) &&
        mayApprove(deps, view, by.person) &&
        permitted(deps, view, by, { action: 'changePolicy' }).ok,
    )
    .map(({ person }) => person)
}

/** The author and everyone who counts as the author. */
const isAuthor = (deps: Deps, tx: Tx, { author }: Change, person: PrincipalId): boolean =>
  closureOf(deps.inForce.roster(tx).directory, author).includes(person)

/** In a group that the bundle in force names, and still in the roster. */
function mayApprove(deps: Deps, view: View, person: PrincipalId): boolean {
  const policy = deps.inForce.policy(view)
  if (!policy.ok || !deps.inForce.roster(view).directory.has(person)) return false
  const { estate } = policy.value
  const groups = groupsOf(estate, person)
  return estate.policyChange.groups.some((group) => groups.includes(group))
}

const enterApproval = (
  tx: Tx,
  by: PrincipalId,
  bundleDigest: Digest,
  act: Envelope,
  at: Instant,
): Placed =>
  tx.append({
    at,
    kind: 'policy_approval_given',
    subject: 'policy',
    actor: by,
    bundleDigest,
    by,
    act,
  })
