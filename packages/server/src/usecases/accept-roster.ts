import {
  currentLog,
  type Digest,
  type Envelope,
  ok,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import { payloadDigest, verifyRosterChain } from '@halligan/ledger'
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
    return await deps.leaveSafeMode(input.roster, next.value.roster)
  return await deps.writer.submit<RosterAnswer, Refusal>({
    name: 'roster',
    key: next.value.answer.rosterDigest,
    run: (tx, now) => {
      const still = verifyNext(deps, tx, input.roster)
      if (!still.ok) return still
      const { version, rosterDigest } = still.value.answer
      tx.putRoster(input.roster)
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

type Next = Readonly<{ roster: Roster; answer: RosterAnswer }>

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
  const rosterDigest = chain.value.digests.at(-1)
  if (roster === undefined || rosterDigest === undefined)
    throw new Error('a verified chain is not empty')
  if (currentLog(roster).toSize !== undefined)
    return refuse({ code: 'bad_roster', reason: 'it closes the log and opens no other' })
  return ok({ roster, answer: { version: roster.version, rosterDigest } })
}
