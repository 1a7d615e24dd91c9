/**
 * A bundle's own tests: `tests/*.yaml`. Each file states the facts of an ordinary night once, and each
 * case what differs and which routes must then be open, or what somebody may do.
 *
 * @module
 */
import {
  type Facts,
  type Instant,
  ok,
  type PrincipalId,
  type Result,
  type RouteName,
  refuse,
} from '@halligan/core'
import type { Bundle } from './bundle.ts'
import { type Estate, groupsOf, onCallFor, systemOf } from './estate.ts'
import { type SomeFacts, someFacts } from './facts.ts'
import { type Action, actions } from './permits.ts'
import type { BundleProblem } from './problem.ts'
import { mildest } from './question.ts'
import {
  flag,
  listOf,
  mapOf,
  oneOf,
  partial,
  record,
  type Shape,
  setOf,
  slug,
  text,
  whole,
} from './shape.ts'
import { linesOf, readYaml } from './yaml-file.ts'

const kind = oneOf('human', 'service_account', 'api_key', 'agent')

const ask = record(
  {
    action: oneOf<Action>(...actions),
    person: slug as Shape<PrincipalId>,
    kind,
    entitlement: slug,
    system: slug,
    context: partial({ recentPolicyAuthor: flag, severity: whole(0, 9) }),
  },
  ['kind', 'entitlement', 'system', 'context'],
)

const trial = record(
  {
    name: text,
    facts: someFacts,
    open: setOf(oneOf('quorum', 'solo')),
    /** Per closed route, ids of forbids that must be among the reasons. */
    closed: mapOf(setOf(slug)),
    ask,
    allowed: flag,
  },
  ['facts', 'open', 'closed', 'ask', 'allowed'],
)

const trials = record({ given: someFacts, cases: listOf(trial, 1) })

export type Trial = NonNullable<ReturnType<typeof trial>>
export type TrialFile = NonNullable<ReturnType<typeof trials>> & Readonly<{ file: string }>

export function readTrials(
  files: Readonly<Record<string, string>>,
): Result<readonly TrialFile[], readonly BundleProblem[]> {
  const read = Object.entries(files).map(([file, source]) => ({
    file,
    result: readYaml(file, source, trials),
  }))
  const problems = read.flatMap(({ result }) => (result.ok ? [] : result.error))
  if (problems.length > 0) return refuse(problems)
  return ok(
    read.flatMap(({ file, result }) => (result.ok ? [{ file, ...result.value }] : [])),
  )
}

export type TrialResult = Readonly<{
  file: string
  line: number
  name: string
  ok: boolean
  /** What was expected and what came instead; empty when the case holds. */
  detail: string
}>

export const testBundle = (bundle: Bundle): readonly TrialResult[] =>
  bundle.trials.flatMap(({ file, given, cases }) => {
    const lines = linesOf(
      bundle.files[file] ?? '',
      cases.map((_, index) => ['cases', index]),
    )
    return cases.map((one, index) => {
      const detail = tryCase(bundle, given, one)
      return { file, line: lines[index] ?? 0, name: one.name, ok: detail === '', detail }
    })
  })

function tryCase(bundle: Bundle, given: SomeFacts, one: Trial): string {
  if ((one.open === undefined) === (one.ask === undefined))
    return 'a case states either open or ask'
  return one.ask === undefined ? tryRoutes(bundle, given, one) : tryAsk(bundle, one)
}

function tryRoutes(bundle: Bundle, given: SomeFacts, one: Trial): string {
  const facts = factsOf(bundle.estate, merged(given, one.facts ?? {}))
  const ruling = bundle.rule(facts)
  const open = ruling.open.map(({ name }) => name).sort()
  const expected = (one.open ?? []).toSorted()
  if (open.join() !== expected.join())
    return `open: ${list(open)}, not ${list(expected)}; ${reasonsOf(ruling.closed)}`
  const closed: Readonly<Record<string, readonly string[]>> = one.closed ?? {}
  const missing = Object.entries(closed).flatMap(([route, ids]) => {
    const forbids = ruling.closed.find((other) => other.route === route)?.forbids
    if (forbids === undefined) return [`${route} is not closed`]
    return ids
      .filter((id) => !forbids.includes(id))
      .map((id) => `${route} is closed by ${list(forbids)}, not by ${id}`)
  })
  return missing.join('; ')
}

function tryAsk(bundle: Bundle, { ask: one, allowed = true }: Trial): string {
  if (one === undefined) return ''
  const { action, person, kind: actorKind = 'human', entitlement, system, context } = one
  const answer = bundle.permits({
    action,
    principal: { person, kind: actorKind, groups: groupsOf(bundle.estate, person) },
    ...(entitlement === undefined ? {} : { entitlement }),
    ...(system === undefined ? {} : { system }),
    ...(context === undefined ? {} : { context }),
  })
  if (answer.allowed === allowed) return ''
  return `${allowed ? 'not allowed' : 'allowed'}: ${answer.reasons.join('; ')}`
}

/** Nothing special: no incident, on a Wednesday noon, everybody at hand, the key just used. */
function factsOf(estate: Estate, some: SomeFacts): Facts {
  const person = some.requester?.person ?? ('nobody' as PrincipalId)
  const entitlement = some.entitlement ?? ''
  const system = some.system ?? systemOf(estate, entitlement)
  const { id, zone } =
    typeof system === 'object' ? system : { id: system ?? '', zone: 'Etc/UTC' }
  return {
    asOf: some.asOf ?? (0 as Instant),
    requester: {
      person,
      kind: 'human',
      groups: groupsOf(estate, person),
      onCallFor: onCallFor(estate, person),
      ...some.requester,
    },
    entitlement,
    system: id,
    lifeSeconds: some.lifeSeconds ?? 600,
    incident: { ...noIncident, ...some.incident },
    time: { zone, weekday: 3, minuteOfDay: 720, ...some.time },
    stepUp: { ...deviceKey, ...some.stepUp },
    reviews: { open: 0, overdue: 0, ...some.reviews },
    uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0, ...some.uses },
    activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0, ...some.activeOrPending },
    ownerKnown: some.ownerKnown ?? true,
    approversEligible: some.approversEligible ?? 2,
    recentPolicyAuthor: some.recentPolicyAuthor ?? false,
  }
}

/** How an incident looks that nobody vouches for. */
export const noIncident: Facts['incident'] = {
  known: false,
  open: false,
  severity: mildest,
  ageSeconds: 0,
  affectsSystem: false,
}

const deviceKey: Facts['stepUp'] = {
  kind: 'device_key',
  ageSeconds: 0,
  userVerified: false,
  hardwareBound: false,
}

/** Records are merged field by field, everything else is replaced. */
function merged(given: SomeFacts, change: SomeFacts): SomeFacts {
  return {
    ...given,
    ...change,
    ...both('requester', given, change),
    ...both('incident', given, change),
    ...both('time', given, change),
    ...both('stepUp', given, change),
    ...both('reviews', given, change),
    ...both('uses', given, change),
    ...both('activeOrPending', given, change),
  }
}

const both = <K extends keyof SomeFacts>(key: K, given: SomeFacts, change: SomeFacts) =>
  given[key] === undefined && change[key] === undefined
    ? {}
    : { [key]: Object.assign({}, given[key], change[key]) }

const list = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.join(', ')

const reasonsOf = (
  closed: readonly Readonly<{ route: RouteName; reasons: readonly string[] }>[],
): string =>
  closed.map(({ route, reasons }) => `${route}: ${reasons.join(', ')}`).join('; ')
