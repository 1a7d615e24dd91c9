/**
 * What a ruling costs beside the bare evaluator: one `statefulIsAuthorized` call with the same question, policies and
 * schema, all parsed before.
 *
 * @module
 */
import { statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Facts } from '@halligan/core'
import type { Bundle } from '../src/bundle.ts'
import { breakGlass } from '../src/question.ts'
import { bundleOf, exampleFiles, facts } from '../test/situation.ts'

/** Medians, in microseconds. */
export type RulingBench = Readonly<{
  bare: number
  /** `routes` of them are judged in one ruling. */
  rule: number
  routes: number
  /** Of a request whose routes are closed for want of an incident. */
  explain: number
  closed: number
  rounds: number
}>

/** The three take turns, so that whatever else the machine does hits them alike. */
export function benchRuling(rounds: number): RulingBench {
  const bundle = bundleOf(exampleFiles)
  const bareCall = bareAsk(bundle, facts)
  const closedFacts: Facts = { ...facts, incident: { ...facts.incident, open: false } }
  const works = {
    bare: bareCall,
    rule: () => bundle.rule(facts),
    explain: () => bundle.explain(closedFacts),
  }
  const ruling = bundle.rule(facts)
  const explained = bundle.explain(closedFacts)
  for (let i = 0; i < rounds / 10; i++) for (const work of Object.values(works)) work()
  const times = { bare: [], rule: [], explain: [] } as Record<keyof typeof works, number[]>
  for (let i = 0; i < rounds; i++)
    for (const name of ['bare', 'rule', 'explain'] as const)
      times[name].push(micros(works[name]))
  return {
    bare: middle(times.bare),
    rule: middle(times.rule),
    routes: ruling.open.length + ruling.closed.length,
    explain: middle(times.explain),
    closed: explained.closed.length,
    rounds,
  }
}

/** As the bundle itself asks: schema and policies are kept in the evaluator under its digest. */
function bareAsk({ digest, estate }: Bundle, given: Facts): () => void {
  const route = estate.entitlements[given.entitlement]?.routes.quorum
  if (route === undefined) throw new Error('the example has no quorum route')
  const { entities, context, ...request } = breakGlass(estate, route, given)
  const call = {
    ...request,
    context: { ...context },
    entities: [...entities],
    preparsedSchemaName: digest,
    preparsedPolicySetId: digest,
    validateRequest: true,
  }
  return () => {
    const answer = statefulIsAuthorized(call)
    if (answer.type === 'failure' || answer.response.decision !== 'allow')
      throw new Error(`the example denies: ${JSON.stringify(answer)}`)
  }
}

function micros(work: () => unknown): number {
  const start = performance.now()
  work()
  return (performance.now() - start) * 1000
}

const middle = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN

if (import.meta.main) console.log(JSON.stringify(benchRuling(1000)))
