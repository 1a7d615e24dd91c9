import {
  type Instant,
  ok,
  type Result,
  type RouteName,
  type Ruling,
  refuse,
  type Terms,
} from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { type Bundle, resolveTerms } from '@halligan/policy'
import type { IncidentReading } from '../sources/read-incident.ts'
import type { View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import { deviceKeyStepUp, factsFor } from './facts.ts'
import type { RosterInForce } from './in-force.ts'
import type { Refusal } from './refusal.ts'

/** The terms as they resolve now, and what policy says of them. */
export type Judged = Readonly<{
  bundle: Bundle
  inForce: RosterInForce
  terms: Terms
  ruling: Ruling
}>

/** What of the terms the asker chose; the rest the bundle says. */
export type Asking = Pick<
  Terms,
  'grant' | 'requester' | 'actsFor' | 'entitlement' | 'lifeSeconds' | 'incident'
> &
  Readonly<{ route: RouteName; reasonCommitment: Terms['reasonCommitment'] }>

export const askingOf = ({ route, ...terms }: Terms): Asking => ({
  ...terms,
  route: route.name,
})

/** Resolves and rules on the state of `view`. `explained` costs more and stays outside the writer. */
export function judgeAccess(
  deps: Deps,
  view: View,
  asking: Asking,
  reading: IncidentReading,
  moment: Readonly<{ now: Instant; ageSeconds: number; explained?: boolean }>,
): Result<Judged, Refusal> {
  const policy = deps.inForce.policy(view)
  if (!policy.ok) return policy
  const bundle = policy.value
  const inForce = deps.inForce.roster(view)
  const terms = resolve(bundle, inForce, asking)
  if (!terms.ok) return terms
  const facts = factsFor(
    { view, bundle, inForce, now: moment.now },
    { ...asking, actsFor: asking.actsFor ?? [] },
    reading,
    deviceKeyStepUp(moment.ageSeconds),
  )
  if (!facts.ok) return facts
  const ruling = moment.explained ? bundle.explain(facts.value) : bundle.rule(facts.value)
  return ok({ bundle, inForce, terms: terms.value, ruling })
}

const resolve = (bundle: Bundle, { roster, directory }: RosterInForce, asking: Asking) =>
  resolveTerms(
    bundle.estate,
    { estateName: roster.estate, ...asking },
    directory.get(asking.requester)?.kind,
  )

/** Whether what people signed is what would be signed now. */
export const resolvesTo = (deps: Deps, judged: Judged, terms: Terms): boolean =>
  digestOf(deps.crypto, judged.terms) === digestOf(deps.crypto, terms)

/** The refusal as it was entered, each closed route with what would open it now. */
export function explainClosed(
  deps: Deps,
  asking: Asking,
  reading: IncidentReading,
  refusal: Refusal,
): Result<never, Refusal> {
  if (refusal.code !== 'route_closed') return refuse(refusal)
  const judged = judgeAccess(deps, deps.view(), asking, reading, {
    now: deps.clock.now(),
    ageSeconds: 0,
    explained: true,
  })
  const explained = judged.ok ? judged.value.ruling.closed : []
  const closed = refusal.closed.map((one) => {
    const opensIf = explained.find(({ route }) => route === one.route)?.opensIf
    return opensIf === undefined ? one : { ...one, opensIf }
  })
  return refuse({ ...refusal, closed })
}
