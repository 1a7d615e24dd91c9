/**
 * What would open a closed route: the same request judged again with one fact changed, or two when one
 * is not enough. Facts only; nobody's person, group or kind is changed.
 *
 * @module
 */
import type { ClosedRoute, Facts, RouteTerms, Ruling } from '@halligan/core'
import { entitlementOf } from './estate.ts'
import { type Rules, rule, whyClosed } from './rule.ts'

type Change = Readonly<{ say: string; facts: (facts: Facts) => Facts }>

/** The alternatives of one fact, the least demanding first; only the first that opens is said. */
type Choice = readonly Change[]

export function explain(rules: Rules, facts: Facts): Ruling {
  const ruling = rule(rules, facts)
  const routes = entitlementOf(rules.estate, facts.entitlement)?.routes ?? {}
  return {
    ...ruling,
    closed: ruling.closed.map((closed) => {
      const route = routes[closed.route]
      return route === undefined ? closed : withOpeners(rules, route, closed, facts)
    }),
  }
}

function withOpeners(
  rules: Rules,
  route: RouteTerms,
  closed: ClosedRoute,
  facts: Facts,
): ClosedRoute {
  const choices = choicesOf(route, facts)
  const opens = (changes: readonly Change[]): boolean =>
    whyClosed(
      rules,
      route,
      changes.reduce((current, change) => change.facts(current), facts),
    ) === null
  const singles = choices.flatMap((choice) => choice.find((one) => opens([one])) ?? [])
  const found = singles.length > 0 ? singles.map((one) => [one]) : pairs(choices, opens)
  return {
    ...closed,
    opensIf: found.map((changes) => changes.map(({ say }) => say).join(', and ')),
  }
}

/** Waiting is left out: a week of hours beside everything else is too many questions. */
function pairs(
  all: readonly Choice[],
  opens: (changes: readonly Change[]) => boolean,
): readonly (readonly Change[])[] {
  const choices = all.filter(({ length }) => length <= 24)
  return choices.flatMap((choice, index) =>
    choices.slice(index + 1).flatMap((other) => {
      const both = choice.flatMap((one) => other.map((two) => [one, two]))
      return [both.find(opens)].filter((found) => found !== undefined)
    }),
  )
}

function choicesOf(route: RouteTerms, facts: Facts): readonly Choice[] {
  return [
    incidents(facts),
    agedIncidents(facts),
    lives(route, facts),
    [
      stepUpTo('a fresh signature with a device key', {
        kind: 'device_key',
        ageSeconds: 0,
      }),
    ],
    [
      say('every overdue review closed', (f) => ({
        ...f,
        reviews: { ...f.reviews, overdue: 0 },
      })),
      say('every open review closed', (f) => ({ ...f, reviews: { open: 0, overdue: 0 } })),
    ],
    [say(`being on call for ${facts.system}`, onCall)],
    hours(facts),
    [
      say('the other grants ended', (f) => ({
        ...f,
        activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 },
      })),
    ],
    [
      say('no recent change of policy by the requester', (f) => ({
        ...f,
        recentPolicyAuthor: false,
      })),
    ],
    [say(`a living owner of ${facts.system}`, (f) => ({ ...f, ownerKnown: true }))],
    [say(people(route.approvals), (f) => ({ ...f, approversEligible: route.approvals }))],
    [
      say('fewer uses in the last 30 days', (f) => ({
        ...f,
        uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 },
      })),
    ],
  ]
}

const say = (words: string, facts: Change['facts']): Change => ({ say: words, facts })

const people = (count: number): string =>
  count === 1 ? 'one person who can approve' : `${count} people who can approve`

const severities = [4, 3, 2, 1]

/** From the mildest. */
function incidents({ incident, system }: Facts): Choice {
  const ageSeconds = incident.open ? incident.ageSeconds : 0
  return severities.map((severity) =>
    say(`an open incident of severity ${severity} or worse on ${system}`, (f) => ({
      ...f,
      incident: { known: true, open: true, affectsSystem: true, severity, ageSeconds },
    })),
  )
}

/** For rules that make people wait for others first. */
const agedIncidents = ({ system }: Facts): Choice =>
  severities.flatMap((severity) =>
    [300, 600, 900, 1800, 3600].map((ageSeconds) =>
      say(
        `an incident of severity ${severity} or worse on ${system}, open for ${ageSeconds / 60} minutes`,
        (f) => ({
          ...f,
          incident: { known: true, open: true, affectsSystem: true, severity, ageSeconds },
        }),
      ),
    ),
  )

function lives(route: RouteTerms, facts: Facts): Choice {
  const steps = [route.maxLifeSeconds, 7200, 3600, 1800, 900, 600, 300, 120, 60, 30, 10]
  return [...new Set(steps)]
    .filter((seconds) => seconds < facts.lifeSeconds && seconds <= route.maxLifeSeconds)
    .sort((one, other) => other - one)
    .map((seconds) =>
      say(`a life of at most ${seconds} seconds`, (f) => ({ ...f, lifeSeconds: seconds })),
    )
}

const stepUpTo = (words: string, change: Partial<Facts['stepUp']>): Change =>
  say(words, (f) => ({ ...f, stepUp: { ...f.stepUp, ...change } }))

const onCall: Change['facts'] = (facts) => ({
  ...facts,
  requester: {
    ...facts.requester,
    onCallFor: [...new Set([...facts.requester.onCallFor, facts.system])].sort(),
  },
})

const weekdays = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
]

/** Each full hour of the coming week, in the system's own zone. */
function hours({ time }: Facts): Choice {
  const now = (time.weekday - 1) * 24 + Math.floor(time.minuteOfDay / 60)
  return Array.from({ length: 168 }, (_, ahead) => {
    const hour = (now + ahead + 1) % 168
    const weekday = Math.floor(hour / 24) + 1
    const clock = `${String(hour % 24).padStart(2, '0')}:00`
    return say(`waiting until ${weekdays[weekday - 1]} ${clock} in ${time.zone}`, (f) => ({
      ...f,
      time: { ...f.time, weekday, minuteOfDay: (hour % 24) * 60 },
    }))
  })
}
