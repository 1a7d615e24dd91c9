/**
 * Steps 6 and 7 of PROTOCOL 3.6: the people who asked and who approved.
 *
 * @module
 */
import {
  type Act,
  accountablePerson,
  closureOf,
  directoryOf,
  floor,
  type Roster,
} from '@halligan/core'
import type { Claim, Situation } from './evidence.ts'
import { type Faults, fault, guardOf, type Judged } from './step.ts'
import { verifyActSignature } from './verify-act.ts'

/** 6. The requester asked and activated, with a live key, and may be a requester at all. */
export function* requesterActs(judged: Judged): Faults {
  const { claims } = judged
  const made = claims.decision.statement
  const roster = actsRoster(judged)
  if (roster === null) return
  const both = [
    [claims.request, 'request'],
    [claims.activate, 'activate'],
  ] as const
  for (const [claim, verb] of both) {
    yield* signedAct(judged, claim, verb, roster)
    const act = claim.statement
    if (made !== null && act !== null && act.by !== made.terms.requester)
      yield fault('not_requester', `${claim.name}: by ${act.by}`)
  }
  if (made === null) return
  const { requester, route, lifeSeconds } = made.terms
  const directory = directoryOf(roster)
  const kind = directory.get(requester)?.kind
  if (kind === undefined || kind === 'human') return
  if (accountablePerson(directory, requester) === undefined)
    yield fault('kind_not_allowed', `${requester}: no person answers for it`)
  if (route.approvals < 1)
    yield fault('kind_not_allowed', `${requester}: ${kind} without an approval`)
  if (lifeSeconds > floor.maxWorkloadLifeSeconds)
    yield fault('kind_not_allowed', `${requester}: ${kind} for ${lifeSeconds} seconds`)
}

/** 7. Enough distinct people outside the requester's closure approved these very terms. */
export function* approvals(judged: Judged): Faults {
  const { claims, situation } = judged
  const made = claims.decision.statement
  const roster = actsRoster(judged)
  if (made === null || roster === null) return
  const { requester, actsFor, route } = made.terms
  const directory = directoryOf(roster)
  const closure = closureOf(directory, requester, actsFor)
  const target = guardOf(judged)
  const group = target === null ? null : (roster.approverGroups[target.approverGroup] ?? [])
  const people = new Set<string>()
  for (const claim of claims.approvals) {
    yield* signedAct(judged, claim, 'approve', roster)
    const act = claim.statement
    if (act === null) continue
    const { name } = claim
    const principal = directory.get(act.by)
    const key = principal?.keys.find(({ keyId }) => keyId === act.keyId)
    if (act.termsDigest !== made.termsDigest)
      yield fault('other_terms', `${name}: ${act.termsDigest}`)
    if (people.has(act.by)) yield fault('approver_repeated', `${name}: ${act.by} again`)
    if (closure.includes(act.by))
      yield fault('approver_is_requester', `${name}: ${act.by} counts as ${requester}`)
    if (principal !== undefined && principal.kind !== 'human')
      yield fault('approver_not_human', `${name}: ${act.by}`)
    if (key !== undefined && key.approvesFrom > earliestSeen(claim, situation))
      yield fault('key_cooling_down', `${name}: until ${key.approvesFrom}`)
    if (group !== null && !group.includes(act.by))
      yield fault('not_an_approver', `${name}: ${act.by} is not in the guard's group`)
    people.add(act.by)
  }
  const least = target?.routes[route.name]?.minApprovals ?? 0
  const needed = Math.max(route.approvals, least, route.name === 'quorum' ? 1 : 0)
  if (people.size < needed)
    yield fault('too_few_approvals', `${people.size} people of the ${needed} needed`)
}

/** What every act must be: signed by a live key of its author, of this verb, about this grant. */
function* signedAct(
  { crypto, claims }: Judged,
  claim: Claim<Act>,
  verb: Act['verb'],
  roster: Roster,
): Faults {
  const { name, envelope, statement: act } = claim
  if (envelope === null) return
  const verified = verifyActSignature(crypto, envelope, roster)
  if (!verified.ok) yield fault(verified.error.code, `${name}: ${verified.error.reason}`)
  if (act === null) return
  if (act.verb !== verb) yield fault('wrong_verb', `${name}: ${act.verb}`)
  const grant = claims.decision.statement?.grant
  if (grant !== undefined && act.grant !== grant)
    yield fault('other_grant', `${name}: ${act.grant}`)
}

/**
 * Acts are judged by the latest roster before opening, so that a revoked key opens nothing more; afterwards,
 * by the version under which the decision was made.
 */
function actsRoster({ claims, situation }: Judged): Roster | null {
  const version = claims.decision.statement?.rosterVersion
  const rosters = claims.chain.ok ? claims.chain.value.rosters : []
  const then = rosters.find((roster) => roster.version === version)
  return situation === null ? (then ?? claims.latest) : claims.latest
}

/** The entry's time is the server's word; an enforcer adds its own clock. */
function earliestSeen({ entry }: Claim<Act>, situation: Situation | null): number {
  const entered = typeof entry?.at === 'number' ? entry.at : 0
  return situation === null ? entered : Math.min(entered, situation.wallNow)
}
