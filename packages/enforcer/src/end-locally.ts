/**
 * Ending at the enforcer itself, with no nonce, log or server: by the host's root over the unix socket, by a person's own
 * signed act checked against the pinned roster alone, or everything at once (PROTOCOL 3.8 d).
 *
 * @module
 */
import {
  type EndingCause,
  type Envelope,
  type GrantId,
  ok,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import { readRoster, verifyActSignature } from '@halligan/ledger'
import { askTarget } from './ask-target.ts'
import { beginEnds, beginVeryMany } from './begin-end.ts'
import type { Place, Site } from './site.ts'
import { holdIn, mayStand, orderOf } from './state.ts'

export type Ended = Readonly<{ grant: GrantId; targets: readonly string[] }>

/** `held`: the targets where this enforcer knew of the grant before. None: it ended nothing, and will never open it. */
export type EndedHere = Ended & Readonly<{ held: readonly string[] }>
export type EndRefusal = Readonly<{ code: string; reason: string }>

/** On every target of this enforcer where the grant is not over: root need not know where. */
export function endGrant(
  site: Site,
  grant: GrantId,
  cause: Extract<EndingCause, 'local_root' | 'local_act'>,
): EndedHere {
  const targets = [...site.connectors.keys()]
  const known = targets.filter((target) => site.books.hold(grant, target).phase !== 'none')
  const where = known.length > 0 ? known : targets
  return {
    grant,
    held: known,
    targets: endAt(site, grant, where, cause),
  }
}

const endAt = (
  site: Site,
  grant: GrantId,
  targets: readonly string[],
  cause: EndingCause,
): readonly string[] =>
  beginEnds(
    site,
    targets.map((target) => ({ place: { grant, target }, cause })),
  ).map(({ target }) => target)

/** The kill switch: every grant in the books, and every one that a reachable target shows. */
export async function endAll(site: Site): Promise<readonly Place[]> {
  const held = site.books.unfinished().filter(mayStand)
  const ended = await killed(site, held)
  const strays = await Promise.all(
    [...site.connectors.keys()].map((at) => endStrays(site, at)),
  )
  return [...ended.map(({ grant, target }) => ({ grant, target })), ...strays.flat()]
}

const killed = (site: Site, places: readonly Place[]) =>
  beginVeryMany(
    site,
    places.map((place) => ({ place, cause: 'kill_switch' })),
  )

/** Whoever pulls the kill switch waits for the answer: what the books know is ending by now. */
const strayPatienceMillis = 10_000

async function endStrays(site: Site, target: string): Promise<readonly Place[]> {
  const connector = site.connectors.get(target)
  const standing = await askTarget(
    site,
    async () => (await connector?.standing(target)) ?? [],
    strayPatienceMillis,
  )
  if (!standing.ok) {
    site.log({ level: 'alarm', what: 'target_unready', target, why: standing.error.reason })
    return []
  }
  const strays = standing.value.filter(
    (grant) => !holdIn(site.books.hold(grant, target), 'ending', 'absent'),
  )
  return killed(
    site,
    strays.map((grant) => ({ grant, target })),
  )
}

/**
 * A `revoke` by the requester, an approver of that grant or an owner in the guard; a `return` by the requester. The act
 * carries no nonce that matters here: replaying it can only end what its author wanted ended.
 */
export function endByAct(site: Site, envelope: Envelope): Result<EndedHere, EndRefusal> {
  const roster = pinnedRoster(site)
  if (roster === null) return no('no_roster', 'no roster is pinned yet')
  const signed = verifyActSignature(site.crypto, envelope, roster)
  if (!signed.ok) return no(signed.error.code, signed.error.reason)
  const { act } = signed.value
  const { verb, grant, by } = act
  if (verb !== 'revoke' && verb !== 'return')
    return no('wrong_verb', `a ${verb} ends nothing`)
  if (grant === undefined) return no('malformed_act', 'it names no grant')
  const targets = [...site.connectors.keys()].filter((target) =>
    mayEnd(site, { grant, target }, verb, by),
  )
  if (targets.length === 0) return no('not_entitled', `${by} may not ${verb} ${grant} here`)
  const held = targets.filter((target) => site.books.hold(grant, target).phase !== 'none')
  return ok({ grant, held, targets: endAt(site, grant, targets, 'local_act') })
}

function mayEnd(site: Site, place: Place, verb: 'revoke' | 'return', by: string): boolean {
  const order = orderOf(site.books.hold(place.grant, place.target))
  if (by === order?.requester) return true
  if (verb === 'return') return false
  const owners: readonly string[] = site.guard.targets[place.target]?.owners ?? []
  return owners.includes(by) || (order?.approvers ?? []).some((approver) => approver === by)
}

/** The highest roster ever accepted, read back from the books: verified when it was written there. */
export function pinnedRoster(site: Site): Roster | null {
  const last = site.books.trust().rosters.at(-1)
  if (last === undefined) return null
  const roster = readRoster(site.crypto, last)
  if (!roster.ok) throw new Error(`corrupt books: the roster is ${roster.error.code}`)
  return roster.value
}

const no = (code: string, reason: string) => refuse({ code, reason })
