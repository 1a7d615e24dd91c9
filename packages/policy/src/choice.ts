import type { Facts, RouteTerms } from '@halligan/core'

/** A request as it would be, and in words what would have to be so. */
export type Change = Readonly<{ say: string; facts: Facts }>

/**
 * The ways in which one fact could be otherwise, the least demanding first. When the last of them does
 * not open a route, none does; except for `time`, where every hour is a case of its own.
 */
export type Choice = Readonly<{
  /** The word under which policies know the fact: an attribute of the context. */
  fact: string
  change: (facts: Facts) => readonly Change[]
}>

/** Nobody's person, group or kind is ever changed: that is not for the requester to do tonight. */
export const choicesOf = (route: RouteTerms): readonly Choice[] => [
  { fact: 'incident', change: incidents },
  { fact: 'incident', change: agedIncidents },
  { fact: 'lifeSeconds', change: (facts) => lives(route, facts) },
  { fact: 'stepUp', change: signature },
  { fact: 'reviews', change: reviews },
  { fact: 'onCall', change: onCall },
  { fact: 'time', change: hours },
  { fact: 'activeOrPending', change: otherGrants },
  { fact: 'approversEligible', change: (facts) => [approvers(route, facts)] },
  { fact: 'ownerKnown', change: owner },
  { fact: 'recentPolicyAuthor', change: policyAuthor },
  { fact: 'uses', change: uses },
]

const severities = [4, 3, 2, 1]

function incidents(facts: Facts): readonly Change[] {
  const ageSeconds = facts.incident.open ? facts.incident.ageSeconds : 0
  return severities.map((severity) => ({
    say: `an open incident of severity ${spelled(severity)} on ${facts.system}`,
    facts: withIncident(facts, severity, ageSeconds),
  }))
}

/** For rules that let others answer first. */
const agedIncidents = (facts: Facts): readonly Change[] =>
  severities.flatMap((severity) =>
    [5, 10, 15, 30, 60].map((minutes) => ({
      say: `an incident of severity ${spelled(severity)} on ${facts.system}, open for ${minutes} minutes`,
      facts: withIncident(facts, severity, minutes * 60),
    })),
  )

const spelled = (severity: number): string =>
  severity === 1 ? '1' : `${severity} or worse`

const withIncident = (facts: Facts, severity: number, ageSeconds: number): Facts => ({
  ...facts,
  incident: { known: true, open: true, affectsSystem: true, severity, ageSeconds },
})

function lives(route: RouteTerms, facts: Facts): readonly Change[] {
  const steps = [route.maxLifeSeconds, 7200, 3600, 1800, 900, 600, 300, 120, 60, 30, 10]
  return [...new Set(steps)]
    .filter((seconds) => seconds < facts.lifeSeconds && seconds <= route.maxLifeSeconds)
    .sort((one, other) => other - one)
    .map((lifeSeconds) => ({
      say: `a life of at most ${lifeSeconds} seconds`,
      facts: { ...facts, lifeSeconds },
    }))
}

const signature = (facts: Facts): readonly Change[] => [
  {
    say: 'a fresh signature with a device key',
    facts: { ...facts, stepUp: { ...facts.stepUp, kind: 'device_key', ageSeconds: 0 } },
  },
]

const reviews = (facts: Facts): readonly Change[] => [
  {
    say: 'every overdue review closed',
    facts: { ...facts, reviews: { ...facts.reviews, overdue: 0 } },
  },
  {
    say: 'every open review closed',
    facts: { ...facts, reviews: { open: 0, overdue: 0 } },
  },
]

function onCall(facts: Facts): readonly Change[] {
  const { requester, system } = facts
  const onCallFor = [...new Set([...requester.onCallFor, system])].sort()
  return [
    {
      say: `being on call for ${system}`,
      facts: { ...facts, requester: { ...requester, onCallFor } },
    },
  ]
}

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
function hours(facts: Facts): readonly Change[] {
  const { time } = facts
  const now = (time.weekday - 1) * 24 + Math.floor(time.minuteOfDay / 60)
  return Array.from({ length: 168 }, (_, ahead) => {
    const hour = (now + ahead + 1) % 168
    const weekday = Math.floor(hour / 24) + 1
    const clock = `${String(hour % 24).padStart(2, '0')}:00`
    return {
      say: `waiting until ${weekdays[weekday - 1]} ${clock} in ${time.zone}`,
      facts: { ...facts, time: { ...time, weekday, minuteOfDay: (hour % 24) * 60 } },
    }
  })
}

const otherGrants = (facts: Facts): readonly Change[] => [
  {
    say: 'your other grants ended',
    facts: { ...facts, activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 } },
  },
]

const approvers = ({ approvals }: RouteTerms, facts: Facts): Change => ({
  say: approvals === 1 ? 'one person to approve' : `${approvals} people to approve`,
  facts: { ...facts, approversEligible: approvals },
})

const owner = (facts: Facts): readonly Change[] => [
  { say: `an owner for ${facts.system}`, facts: { ...facts, ownerKnown: true } },
]

const policyAuthor = (facts: Facts): readonly Change[] => [
  {
    say: 'time gone by since you changed the policy',
    facts: { ...facts, recentPolicyAuthor: false },
  },
]

const uses = (facts: Facts): readonly Change[] => [
  {
    say: 'fewer uses in the last 30 days',
    facts: { ...facts, uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 } },
  },
]
