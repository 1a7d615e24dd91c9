/**
 * What would open a closed route: the same request judged again with one fact changed, or with two when
 * no single one is enough.
 *
 * @module
 */
import {
  type ClosedRoute,
  type Facts,
  floorForbids,
  type RouteTerms,
  type Ruling,
} from '@halligan/core'
import { type Change, type Choice, choicesOf } from './choice.ts'
import { entitlementOf } from './estate.ts'
import { type Rules, rule, whyClosed } from './rule.ts'

/** {@link rule}, with `opensIf` on every closed route: each alternative alone would open it. */
export function explain(rules: Rules, facts: Facts): Ruling {
  const ruling = rule(rules, facts)
  const routes = entitlementOf(rules.estate, facts.entitlement)?.routes ?? {}
  return {
    ...ruling,
    closed: ruling.closed.map((closed) => {
      const route = routes[closed.route]
      return route === undefined
        ? closed
        : { ...closed, opensIf: openers(rules, route, closed, facts) }
    }),
  }
}

function openers(
  rules: Rules,
  route: RouteTerms,
  closed: ClosedRoute,
  facts: Facts,
): readonly string[] {
  const blockers = blockersOf(rules, route, closed, facts)
  const touchesAll = (...choices: readonly Choice[]) =>
    blockers.every((words) => choices.some(({ fact }) => words.has(fact)))
  const opens = (changed: Facts) => whyClosed(rules, route, changed) === null
  const choices = choicesOf(route)

  const alone = choices
    .filter((choice) => touchesAll(choice))
    .flatMap((choice) => firstThat(opens, choice, facts) ?? [])
  if (alone.length > 0) return distinct(alone)

  const pairs = choices.flatMap((one, index) =>
    choices
      .slice(index + 1)
      .filter((two) => two.fact !== one.fact && touchesAll(one, two))
      .flatMap((two) => firstPairThat(opens, one, two, facts) ?? []),
  )
  return distinct(pairs)
}

/** Of an older incident nothing is said when a fresh one of that severity would do. */
function distinct(changes: readonly Change[]): readonly string[] {
  const said = [...new Set(changes.map(({ say }) => say))]
  return said.filter(
    (words) => !said.some((other) => other !== words && agedForm(words) === other),
  )
}

const agedForm = (words: string): string =>
  words.replace(
    /an incident of (severity .+?), open for \d+ minutes/,
    'an open incident of $1',
  )

function firstThat(
  opens: (facts: Facts) => boolean,
  choice: Choice,
  facts: Facts,
): Change | undefined {
  const changes = choice.change(facts)
  const last = changes.at(-1)
  if (last === undefined || (choice.fact !== 'time' && !opens(last.facts))) return undefined
  return changes.find((change) => opens(change.facts))
}

/** Waiting is no part of a pair: a week of hours beside everything else is too many questions. */
function firstPairThat(
  opens: (facts: Facts) => boolean,
  one: Choice,
  two: Choice,
  facts: Facts,
): Change | undefined {
  if (one.fact === 'time' || two.fact === 'time') return undefined
  const most = one.change(facts).at(-1)
  if (most === undefined || firstThat(opens, two, most.facts) === undefined)
    return undefined
  for (const first of one.change(facts)) {
    const second = firstThat(opens, two, first.facts)
    if (second !== undefined)
      return { say: `${first.say}, and ${second.say}`, facts: second.facts }
  }
  return undefined
}

/**
 * For each thing that closes the route, the words it is made of. A change that touches none of a
 * forbid's words cannot lift it, so it need not be tried.
 */
function blockersOf(
  { policies }: Rules,
  route: RouteTerms,
  { forbids }: ClosedRoute,
  facts: Facts,
): readonly ReadonlySet<string>[] {
  const words = forbids.map((id) => wordsOf(policies.policies.get(id)?.text ?? ''))
  const byFloor = floorForbids(route, facts).length > 0
  if (byFloor) words.push(new Set(['lifeSeconds', 'activeOrPending']))
  if (words.length > 0) return words
  const permits = [...policies.policies.values()].filter(
    ({ effect }) => effect === 'permit',
  )
  return [wordsOf(permits.map(({ text }) => text).join(' '))]
}

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.match(/[A-Za-z]+/g))
