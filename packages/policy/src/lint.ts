/**
 * What is wrong with a bundle that reads well: systems nobody answers for, routes that can never open,
 * privileges that no revocation takes back, ways into the control plane that are too easy.
 *
 * @module
 */
import { closureOf, type PrincipalId, type RouteTerms } from '@halligan/core'
import type { Bundle } from './bundle.ts'
import {
  type Entitlement,
  everyone,
  groupsOf,
  membersOf,
  routesOf,
  type System,
} from './estate.ts'
import { whyUnendable } from './privileges.ts'
import type { BundleProblem } from './problem.ts'
import { approversFor, isLivingHuman, type People, requestersOf } from './reach.ts'
import type { Path } from './shape.ts'
import { linesOf } from './yaml-file.ts'

type Finding = Readonly<{ at: Path; reason: string }>

/** With `people` (the roster's), only those count who are in it. Slow: it judges everyone. */
export function lintBundle(
  bundle: Bundle,
  people: People = null,
): readonly BundleProblem[] {
  const { estate, files, policies, trials } = bundle
  const source = files['estate.yaml'] ?? ''
  const findings = [
    ...Object.entries(estate.systems).flatMap(([id, system]) =>
      whoAnswers(bundle, people, id, system),
    ),
    ...Object.entries(estate.entitlements).flatMap(([id, entitlement]) => [
      ...privileges(id, entitlement),
      ...reachability(bundle, people, id, entitlement),
      ...controlPlane(bundle, people, id, entitlement),
    ]),
    ...policyChange(bundle, people),
  ]
  const lines = linesOf(
    source,
    findings.map(({ at }) => at),
  )
  return [
    ...findings.map(({ reason }, index) => ({
      file: 'estate.yaml',
      line: lines[index] ?? 0,
      reason,
    })),
    ...policies
      .filter(({ effect, advice }) => effect === 'forbid' && !advice)
      .map(({ id, file, line }) => ({
        file,
        line,
        reason: `${id} forbids without @advice`,
      })),
    ...(trials.length > 0
      ? []
      : [{ file: 'tests', line: 0, reason: 'the bundle has no tests' }]),
  ]
}

/** A living owner, or a steward group, or two of the security group. */
function whoAnswers(
  { estate }: Bundle,
  people: People,
  id: string,
  { owners, steward, reviewers }: System,
): readonly Finding[] {
  const known = new Set(Object.values(estate.groups).flat())
  const lives = (person: System['owners'][number]) =>
    known.has(person) && isLivingHuman(people, person)
  const living = (group: string) => membersOf(estate, group).filter(lives)
  const answered =
    owners.some(lives) ||
    (steward !== undefined && living(steward).length > 0) ||
    living(estate.security).length >= 2
  return [
    ...(answered
      ? []
      : [
          {
            at: ['systems', id],
            reason: `nobody answers for ${id}: no owner, no steward, not two in ${estate.security}`,
          },
        ]),
    ...(living(reviewers).length > 0
      ? []
      : [{ at: ['systems', id, 'reviewers'], reason: `nobody is in ${reviewers}` }]),
  ]
}

function privileges(id: string, { targets, unendable }: Entitlement): readonly Finding[] {
  if (unendable) return []
  return targets.flatMap(({ privileges: named }, index) =>
    named.flatMap((privilege) => {
      const why = whyUnendable(privilege)
      if (why === null) return []
      return [
        {
          at: ['entitlements', id, 'targets', index, 'privileges'],
          reason: `${privilege} ${why}: it cannot be ended for certain; mark it unendable: true`,
        },
      ]
    }),
  )
}

function reachability(
  bundle: Bundle,
  people: People,
  id: string,
  entitlement: Entitlement,
): readonly Finding[] {
  return routesOf(entitlement).flatMap((route) => {
    const at = ['entitlements', id, 'routes', route.name]
    const { approvals } = route
    const members = new Set(
      route.groups.flatMap((group) => membersOf(bundle.estate, group)),
    )
    const living = [...members].filter((person) => isLivingHuman(people, person))
    if (living.length < approvals)
      return [
        { at, reason: `${approvals} approvals, ${living.length} people to give them` },
      ]
    const requesters = requestersOf(bundle, people, id, route)
    if (requesters.length === 0)
      return [{ at, reason: 'whoever asks, this route never opens' }]
    const stuck = requesters.filter(
      (requester) => !enoughOthers(bundle, people, route, id, requester),
    )
    return stuck.map((requester) => ({
      at,
      reason: `${requester} could ask, but too few others are left to approve and review`,
    }))
  })
}

/** Whether enough people stand outside the requester: `approvals` of them, and one more to review. */
function enoughOthers(
  { estate }: Bundle,
  people: People,
  route: RouteTerms,
  id: string,
  requester: System['owners'][number],
): boolean {
  const approvers = approversFor(estate, people, route, requester)
  const system = estate.systems[estate.entitlements[id]?.system ?? '']
  const reviewers = approversFor(
    estate,
    people,
    { ...route, groups: system === undefined ? [] : [system.reviewers] },
    requester,
  )
  return reviewers.some(
    (reviewer) =>
      approvers.filter((approver) => approver !== reviewer).length >= route.approvals,
  )
}

/** What governs everything else: never alone, at least two, and nobody on both sides (RQ-16). */
function controlPlane(
  bundle: Bundle,
  people: People,
  id: string,
  entitlement: Entitlement,
): readonly Finding[] {
  const { estate } = bundle
  const isMeta = ({ system }: Entitlement) => estate.systems[system]?.meta === true
  if (!isMeta(entitlement)) return []
  const ordinary = Object.values(estate.entitlements).filter((other) => !isMeta(other))
  const highest = Math.max(
    0,
    ...ordinary.flatMap((other) => routesOf(other).map(({ approvals }) => approvals)),
  )
  const least = Math.max(2, highest)
  return routesOf(entitlement).flatMap((route) => {
    const at = ['entitlements', id, 'routes', route.name]
    const both = requestersOf(bundle, people, id, route).filter((person) =>
      route.groups.some((group) => membersOf(estate, group).includes(person)),
    )
    const findings: Finding[] = both.map((person) => ({
      at,
      reason: `${person} could both ask for and approve access to the control plane`,
    }))
    if (route.approvals < least)
      findings.push({ at, reason: `the control plane needs ${least} approvals at least` })
    return findings
  })
}

/**
 * At least one author, and enough others to approve: the bundle in force decides who may change it, so one that leaves
 * too few would stand for good.
 */
function policyChange(bundle: Bundle, people: People): readonly Finding[] {
  const { estate } = bundle
  const { approvals, groups } = estate.policyChange
  const members = new Set(groups.flatMap((group) => membersOf(estate, group)))
  const living = [...members].filter((person) => isLivingHuman(people, person))
  const at = ['policyChange', 'approvals']
  if (living.length < approvals)
    return [{ at, reason: `${approvals} approvals, ${living.length} people to give them` }]
  const may = (person: PrincipalId) =>
    isLivingHuman(people, person) && mayChangePolicy(bundle, person)
  const approvers = living.filter(may)
  const reaches = (author: PrincipalId) => {
    const same = people === null ? [author] : closureOf(people, author)
    return approvers.filter((person) => !same.includes(person)).length >= approvals
  }
  if (everyone(estate).some((author) => may(author) && reaches(author))) return []
  return [
    {
      at,
      reason: `whoever proposes a bundle, fewer than ${approvals} others could approve it`,
    },
  ]
}

const mayChangePolicy = (bundle: Bundle, person: PrincipalId): boolean =>
  bundle.permits({
    action: 'changePolicy',
    principal: { person, kind: 'human', groups: groupsOf(bundle.estate, person) },
  }).allowed
