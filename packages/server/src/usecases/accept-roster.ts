import {
  currentLog,
  type Digest,
  type Envelope,
  type Grant,
  isIn,
  isSettled,
  ok,
  openedPhases,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import { payloadDigest, verifyRosterChain, withoutStrays } from '@halligan/ledger'
import type { Tx } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

export type RosterAnswer = Readonly<{ version: number; rosterDigest: Digest }>

/**
 * The next roster, signed by the threshold of trustees of the one before. One that closes the log's origin is
 * how SAFE MODE is left, and goes to `leaveSafeMode`.
 */
export async function acceptRoster(
  deps: Deps,
  input: Readonly<{ roster: Envelope }>,
): Promise<Result<RosterAnswer, Refusal>> {
  const next = verifyNext(deps, deps.view(), input.roster)
  if (!next.ok) {
    deps.refusals.count(next.error.code)
    return next
  }
  const { origin } = deps.view().head()
  if (currentLog(next.value.roster).origin !== origin)
    return await deps.leaveSafeMode(next.value.envelope, next.value.roster)
  return await deps.writer.submit<RosterAnswer, Refusal>({
    name: 'roster',
    key: next.value.answer.rosterDigest,
    transient: ['bad_roster', 'too_few_trustees'],
    run: (tx, now) => {
      const still = verifyNext(deps, tx, input.roster)
      if (!still.ok) return still
      const stranded = strandedBy(deps, tx, still.value.roster)
      if (stranded !== null) return refuse({ code: 'bad_roster', reason: stranded })
      const { version, rosterDigest } = still.value.answer
      tx.putRoster(still.value.envelope)
      tx.append({
        at: now,
        kind: 'roster_accepted',
        subject: 'roster',
        actor: 'trustees',
        version,
        rosterDigest,
      })
      return ok(still.value.answer)
    },
  })
}

/** A target on which access may still stand keeps its enforcer until that is settled (EN-22). */
function strandedBy(deps: Deps, tx: Tx, next: Roster): string | null {
  const { roster } = deps.inForce.roster(tx)
  for (const { id, targets } of roster.enforcers) {
    const kept = next.enforcers.find((enforcer) => enforcer.id === id)?.targets ?? []
    const dropped = targets.filter((target) => !kept.includes(target))
    const grant = tx.unsettledAt(id).find((held) => standsOn(held, id, dropped))
    if (grant !== undefined) return `${id} has still to end ${grant.id}`
  }
  return null
}

const standsOn = (grant: Grant, enforcer: string, targets: readonly string[]): boolean =>
  isIn(grant, ...openedPhases) &&
  grant.targets.some(
    (held) =>
      held.enforcer === enforcer && targets.includes(held.target) && !isSettled(held),
  )

type Next = Readonly<{ roster: Roster; envelope: Envelope; answer: RosterAnswer }>

/** Follows the last accepted version, which is where this server's own trust ends. */
function verifyNext(
  deps: Deps,
  view: Pick<Tx, 'rosters'>,
  envelope: Envelope,
): Result<Next, Refusal> {
  const rosters = view.rosters()
  const first = rosters[0]
  if (first === undefined) throw new Error('corrupt store: it holds no roster')
  const pinned = { digest: payloadDigest(deps.crypto, first) }
  const chain = verifyRosterChain(deps.crypto, [...rosters, envelope], pinned)
  if (!chain.ok) {
    const { code, reason } = chain.error
    return code === 'too_few_trustees'
      ? refuse({ code, reason })
      : refuse({ code: 'bad_roster', reason: `${code}: ${reason}` })
  }
  const roster = chain.value.rosters.at(-1)
  const before = chain.value.rosters.at(-2)
  const rosterDigest = chain.value.digests.at(-1)
  if (roster === undefined || before === undefined || rosterDigest === undefined)
    throw new Error('a verified chain has a version before the next')
  if (currentLog(roster).toSize !== undefined)
    return refuse({ code: 'bad_roster', reason: 'it closes the log and opens no other' })
  const answer = { version: roster.version, rosterDigest }
  return ok({ roster, envelope: withoutStrays(envelope, before), answer })
}
