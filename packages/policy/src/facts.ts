import {
  type Facts,
  type Instant,
  ok,
  type PrincipalId,
  type PrincipalKind,
  type Result,
  refuse,
  type StepUp,
} from '@halligan/core'
import { type Estate, entitlementOf } from './estate.ts'
import {
  flag,
  oneOf,
  type Path,
  partial,
  record,
  type Shape,
  setOf,
  slug,
  text,
  whole,
} from './shape.ts'

const kinds: readonly PrincipalKind[] = ['human', 'service_account', 'api_key', 'agent']
const stepUpKinds: readonly StepUp['kind'][] = ['none', 'device_key']

const count = whole(0)

const fields = {
  requester: {
    person: slug as Shape<PrincipalId>,
    kind: oneOf(...kinds),
    groups: setOf(slug),
    onCallFor: setOf(slug),
  },
  incident: {
    known: flag,
    open: flag,
    severity: whole(0, 9),
    ageSeconds: count,
    affectsSystem: flag,
  },
  time: { zone: text, weekday: whole(1, 7), minuteOfDay: whole(0, 1439) },
  stepUp: {
    kind: oneOf(...stepUpKinds),
    ageSeconds: count,
    userVerified: flag,
    hardwareBound: flag,
  },
  reviews: { open: count, overdue: count },
  uses: { ofEntitlementIn30Days: count, byPersonIn30Days: count },
  activeOrPending: { count, totalSeconds: count, onSystem: count },
} as const

const plain = {
  asOf: count as Shape<number> as Shape<Instant>,
  entitlement: slug,
  system: slug,
  lifeSeconds: count,
  ownerKnown: flag,
  approversEligible: count,
  recentPolicyAuthor: flag,
} as const

const factsShape: Shape<Facts> = record({
  ...plain,
  requester: record(fields.requester),
  incident: record(fields.incident),
  time: record(fields.time),
  stepUp: record(fields.stepUp),
  reviews: record(fields.reviews),
  uses: record(fields.uses),
  activeOrPending: record(fields.activeOrPending),
})

/** Some of the facts, as a test of a bundle states them. */
export const someFacts = partial({
  ...plain,
  requester: partial(fields.requester),
  incident: partial(fields.incident),
  time: partial(fields.time),
  stepUp: partial(fields.stepUp),
  reviews: partial(fields.reviews),
  uses: partial(fields.uses),
  activeOrPending: partial(fields.activeOrPending),
})

export type SomeFacts = NonNullable<ReturnType<typeof someFacts>>

/**
 * Whether `facts` can be judged at all: every fact present and within bounds, no other beside them,
 * every enum value one that we know, and the entitlement the estate's own. If not, why.
 */
export function checkFacts(estate: Estate, facts: unknown): Result<Facts, string> {
  const problems: string[] = []
  const read = factsShape(facts, [], (at, reason) => {
    problems.push(`${spelled(at)}${reason}`)
  })
  if (read === undefined) return refuse(problems[0] ?? 'unreadable')
  const entitlement = entitlementOf(estate, read.entitlement)
  if (entitlement === undefined) return refuse('no such entitlement')
  if (entitlement.system !== read.system) return refuse('not the system of the entitlement')
  return ok(read)
}

const spelled = (at: Path): string => (at.length === 0 ? '' : `${at.join('.')}: `)
