/**
 * What must be true at the targets themselves, after every event.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import type { Effect } from '../../../packages/enforcer/src/connectors/fake.ts'
import { holdIn } from '../../../packages/enforcer/src/state.ts'
import type { Story } from '../chronicle.ts'
import type { EnforcerNode } from '../enforcer-node.ts'
import { sloSeconds } from '../estate.ts'
import { Violation } from '../tally.ts'
import type { Target } from '../target.ts'
import { enforcerOf, type World } from '../world.ts'

/**
 * Longest time in which a healthy enforcer ends what is due on a healthy target: retries are at most 15 s apart, and the
 * clock of a host that was restarted may be off by 30 s.
 */
export const promptMillis = 32_000

/** The server marks what is overdue within so long of being able to. */
const markMillis = 15_000

/** Between the moment of an effect and the log as it is then nothing else has happened. */
export function judgeEffect(world: World, target: Target, effect: Effect): void {
  const { kind, grant } = effect
  const { tally, chronicle } = world
  const earlier = target.effects.filter((each) => each.grant === grant)
  const name = `${grant} on ${target.name}`
  tally.tell(`${world.agenda.now()} ${kind} of ${name}`)
  tally.happened(`step: ${kind} at a target`)
  if (kind !== 'apply' && kind !== 'reseal') return
  const story = chronicle.stories.get(grant as GrantId)
  tally.checked(1)
  const index = story?.opens.get(target.name)
  if (story?.activated == null || index === undefined)
    throw new Violation(1, `${kind} of ${name} before its order was durable`)
  if (world.server.anchoredSize() <= index)
    throw new Violation(1, `${kind} of ${name} before its order was anchored`)
  tally.checked(11)
  const ended =
    earlier.some((each) => each.kind === 'end') ||
    holdIn(enforcerOf(world, target).books.hold(grant as GrantId, target.name), 'absent')
  if (ended) throw new Violation(11, `${kind} of ${name} after it was ended`)
}

export function judgeTargets(world: World): void {
  for (const enforcer of world.enforcers)
    for (const target of enforcer.targets) {
      for (const login of target.fake.logins) judgeLogin(world, enforcer, target, login)
    }
}

type Login = Target['fake']['logins'][number]

function judgeLogin(
  world: World,
  enforcer: EnforcerNode,
  target: Target,
  login: Login,
): void {
  const { grant } = login
  const { tally, opened } = world
  const name = `${grant} on ${target.name}`
  const story = world.chronicle.stories.get(grant)
  if (!target.hasAccess(grant)) return void opened.closed(name)
  if (story?.activated == null) throw new Violation(3, `${name} stands without authority`)
  tally.checked(8)
  if (!opened.seen(name)) throw new Violation(8, `${name} confers access again`)
  judgeScope(world, story, target, login)
  tally.checked(9)
  if (story.absent.has(target.name))
    throw new Violation(9, `${name} stands, and the log says that it is absent`)
  if (holdIn(enforcer.books.hold(grant, target.name), 'absent'))
    throw new Violation(9, `${name} stands, and its enforcer calls it absent`)
  tally.checked(10)
  if (!holdIn(enforcer.books.hold(grant, target.name), 'applying', 'applied', 'ending'))
    throw new Violation(10, `${name} stands, and its enforcer does not count it`)
  judgeTime(world, story, enforcer, target)
  judgeOverdue(world, story, target)
}

function judgeScope(world: World, story: Story, target: Target, login: Login): void {
  const { tally } = world
  const name = `${story.grant} on ${target.name}`
  const asked = story.terms.targets.find((each) => each.target === target.name)
  tally.checked(5)
  if (login.canLogin && login.memberships.join() !== asked?.privileges.join())
    throw new Violation(5, `${name} confers ${login.memberships} and not what was signed`)
  tally.checked(6)
  if (login.validUntil > (story.activated?.notAfter ?? 0))
    throw new Violation(6, `${name} is valid for longer than was decided`)
}

/** Real time, whatever the clocks say; and the enforcer alone is enough for it. */
export function judgeTime(
  world: World,
  story: Story,
  enforcer: EnforcerNode,
  target: Target,
): void {
  const { tally, agenda, server, network } = world
  if (story.activated === null) return
  const now = agenda.now()
  const name = `${story.grant} on ${target.name}`
  const byLife = story.activated.trueAt + story.terms.lifeSeconds * 1000
  const locally = world.localEnds.get(`${story.grant}/${target.name}`)
  const due = Math.min(byLife, locally ?? byLife)
  const able = Math.max(enforcer.wellSince(), target.wellSince())
  for (const invariant of [18, 21, 25]) tally.checked(invariant)
  // Either it does not know that time is up, or it knows and waits: for another target, or for its server.
  const knows = holdIn(enforcer.books.hold(story.grant, target.name), 'ending')
  const waitsForOther = knows && enforcer.targets.some((each) => wasIllSince(each, due))
  if (now > Math.max(due, able) + promptMillis) {
    const invariant = waitsForOther ? 25 : knows ? 18 : 21
    throw new Violation(invariant, `${name} stands ${now - due} ms after its end`)
  }
  if (story.ended === null) return
  const heard = Math.max(story.ended.trueAt, server.ableSince(), network.fairSince(), able)
  if (now > heard + promptMillis + 15_000)
    throw new Violation(
      waitsForOther ? 25 : 9,
      `${name} stands ${now - heard} ms after it could be heard of`,
    )
}

/** Now, or not long before `due`. */
const wasIllSince = (target: Target, due: number): boolean =>
  target.wellSince() > due - 2 * promptMillis

/** Access past its end and the promise is either gone or on the books. */
export function judgeOverdue(world: World, story: Story, target: Target): void {
  const { agenda, server } = world
  if (story.ended === null) return
  if (story.overdue.has(target.name) || story.attested.has(target.name)) return
  const from = Math.max(story.ended.trueAt + sloSeconds * 1000, server.ableSince())
  if (agenda.now() > from + markMillis)
    throw new Violation(
      9,
      `${story.grant} on ${target.name} is overdue, and nobody says so`,
    )
}

/** Once every fault is over and time has passed, nothing is left: not at the targets, not in any book. */
export function judgeRest(world: World, leftOfAccounts: readonly string[]): void {
  const left = [
    ...leftOfAccounts,
    ...world.targets.flatMap((target) =>
      target.fake.logins.map(({ grant }) => `${grant} on ${target.name}`),
    ),
    ...world.enforcers.flatMap(({ name, books }) => [
      ...books.unfinished().map((hold) => `${hold.grant} ${hold.phase} at ${name}`),
      ...books.outgoing(1).map(({ seq }) => `receipt ${seq} of ${name}`),
    ]),
    ...[...world.chronicle.stories.values()].flatMap((story) =>
      unsettled(story).map((target) => `${story.grant} on ${target} in the log`),
    ),
  ]
  world.tally.checked(9)
  // A log that has seen a later hour waits for it, and goes on ending.
  const causes = (world.server.instance()?.ledger.safeMode.causes() ?? []).filter(
    ({ cause }) => cause !== 'clock_jumped',
  )
  const inSafeMode = causes.map(({ cause, detail }) => `SAFE MODE: ${cause}: ${detail}`)
  if (left.length + causes.length > 0)
    throw new Violation(9, `after all is well: ${[...left, ...inSafeMode].join(', ')}`)
}

export const unsettled = (story: Story): readonly string[] =>
  [...story.opens.keys()].filter(
    (target) =>
      !story.absent.has(target) &&
      !story.refused.has(target) &&
      !story.attested.has(target),
  )

export const idOf = (grant: GrantId, target: string): string => `${grant}/${target}`
