import { closureOf, decideRequest, ok, type Result, refuse } from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { type IncidentReading, readIncident } from '../sources/read-incident.ts'
import type { Tx } from '../store/port.ts'
import {
  type ActAnswer,
  type ActInput,
  type Effect,
  type Moment,
  type SignedAct,
  submitAct,
  verifySigned,
} from './accept-act.ts'
import { effectOf, enterEvents } from './change-grant.ts'
import type { Deps } from './deps.ts'
import { recentAuthors } from './policy-authors.ts'
import type { Refusal } from './refusal.ts'
import { askingOf, explainClosed, judgeAccess, resolvesTo } from './rule-access.ts'

/** Asks for access under the terms in the act. Opens a grant when the route is open. */
export async function requestAccess(
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> {
  const signed = verifySigned(deps, 'request', input)
  if (!signed.ok) return signed
  const { terms } = signed.value.act.body
  const reading = await readIncident(deps.sources, deps.clock, terms.incident)
  const answer = await submitAct(deps, signed.value, {
    opens: () => [terms.reasonCommitment],
    asks: () => ok([]),
    run: (tx, act, moment) => request(deps, tx, act, reading, moment),
  })
  return answer.ok ? answer : explainClosed(deps, askingOf(terms), reading, answer.error)
}

function request(
  deps: Deps,
  tx: Tx,
  { act, envelope }: SignedAct<'request'>,
  reading: IncidentReading,
  moment: Moment,
): Result<Effect, Refusal> {
  const { terms } = act.body
  if (act.grant !== terms.grant || terms.requester !== act.by)
    return refuse({ code: 'not_requester' })
  if (tx.grant(terms.grant) !== null) return refuse({ code: 'grant_exists' })
  const { directory } = deps.inForce.roster(tx)
  const closure = closureOf(directory, act.by, terms.actsFor)
  const authors = recentAuthors(tx, directory, moment.now)
  const until = closure
    .map((person) => authors.get(person))
    .find((end) => end !== undefined)
  if (until !== undefined) return refuse({ code: 'recent_policy_author', until })
  const judged = judgeAccess(deps, tx, askingOf(terms), reading, moment)
  if (!judged.ok) return judged
  const termsDigest = digestOf(deps.crypto, terms)
  if (act.termsDigest !== termsDigest || !resolvesTo(deps, judged.value, terms))
    return refuse({
      code: 'other_terms',
      current: digestOf(deps.crypto, judged.value.terms),
    })
  const { ruling } = judged.value
  const decided = decideRequest(
    { kind: 'request', terms, termsDigest, closure, ruling, act: envelope },
    moment.now,
  )
  if (!decided.ok) return decided
  return ok(effectOf(enterEvents(deps, tx, terms.grant, decided.value, act.by)))
}
