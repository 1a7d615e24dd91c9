/**
 * One simulation: a seed, and all that follows from it. People and faults have their time; then every fault ends, time
 * passes, and nothing may be left.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { createAgenda } from './agenda.ts'
import { type Bug, noBug } from './bug.ts'
import { createChronicle } from './chronicle.ts'
import { diceOf } from './dice.ts'
import { createEnforcerNode } from './enforcer-node.ts'
import { accountsOf, enforcerNames, initialisedFolder, start, targetsOf } from './estate.ts'
import { type FaultName, faultNames, faults } from './faults.ts'
import { accountsLeft, judgeAccounts } from './invariants/of-the-accounts.ts'
import { judgeReplay, judgeTrust } from './invariants/of-the-disks.ts'
import { judgeEntry, judgeTogether } from './invariants/of-the-log.ts'
import { judgeEffect, judgeRest, judgeTargets } from './invariants/of-the-targets.ts'
import { judgeReply, judgeSecrets } from './invariants/of-the-traffic.ts'
import { Crash } from './machine.ts'
import { type Answering, createNetwork, fair, type Question } from './network.ts'
import { createServerNode } from './server-node.ts'
import { createTally, type Tally, type Violation } from './tally.ts'
import { createTarget, openSession, type Target } from './target.ts'
import { createWorkload } from './workload.ts'
import type { World } from './world.ts'

export type Plan = Readonly<{
  seed: string
  /** How long people and faults have, in simulated seconds. */
  busySeconds: number
  /** Null: the seed chooses. */
  faults: readonly FaultName[] | null
  bug?: Bug
  show?: (line: string) => void
}>

export const usualBusySeconds = 200

/** Long enough for every life, retry and mark once all is well. */
const restSeconds = 200

export type Outcome = Readonly<{
  seed: string
  events: number
  simulatedSeconds: number
  tally: Tally
  digest: string
  faults: readonly FaultName[]
  /** Null: nothing was wrong. */
  violation: Violation | Error | null
}>

export async function simulate(plan: Plan): Promise<Outcome> {
  const world = await createWorld(plan)
  const { agenda, tally } = world
  const chosen = plan.faults ?? chooseFaults(world)
  let events = 0
  let violation: Outcome['violation'] = null
  const onRejection = (error: unknown) => {
    if (!(error instanceof Crash)) world.fail(error)
  }
  process.on('unhandledRejection', onRejection)
  try {
    startAll(world)
    beginWork(world, plan.busySeconds * 1000)
    beginFaults(world, chosen, plan.busySeconds * 1000)
    const rest = start + plan.busySeconds * 1000
    const end = rest + restSeconds * 1000
    let isResting = false
    while (agenda.now() < end) {
      if (!isResting && agenda.now() >= rest) {
        isResting = true
        healAll(world)
      }
      const label = await agenda.step()
      if (label === null) break
      tally.tell(`${agenda.now()} ${label}`)
      judge(world, ++events)
    }
    judgeReplay(world)
    judgeRest(world, accountsLeft(world))
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error))
    tally.tell(`${agenda.now()} ${violation.message}`)
  } finally {
    process.off('unhandledRejection', onRejection)
    world.server.close()
    for (const enforcer of world.enforcers) enforcer.close()
  }
  return {
    ...{
      seed: plan.seed,
      events,
      tally,
      violation,
      digest: tally.digest(),
      faults: chosen,
    },
    simulatedSeconds: Math.round((agenda.now() - start) / 1000),
  }
}

const replayEvery = 1500

function judge(world: World, events: number): void {
  const { chronicle, server, agenda, tally } = world
  if (world.failure !== null) throw world.failure
  const fresh = chronicle.read(server.store(), agenda.now(), (entry) => {
    tally.tell(`${agenda.now()} log: ${entry.kind} ${entry.subject} ${entry.id}`)
    tally.happened(`entry: ${entry.kind}`)
    judgeEntry(world, entry)
  })
  if (fresh.length > 0) {
    judgeTogether(world, fresh)
    judgeSecrets(world, 'the log', JSON.stringify(fresh))
  }
  judgeTargets(world)
  judgeAccounts(world)
  judgeTrust(world)
  for (const line of server.takeLines()) judgeSecrets(world, "the server's own lines", line)
  for (const { name, takeNotes } of world.enforcers)
    for (const note of takeNotes()) judgeSecrets(world, name, JSON.stringify(note))
  if (events % replayEvery === 0) judgeReplay(world)
}

async function createWorld({ seed, bug = noBug, show }: Plan): Promise<World> {
  const dice = diceOf(`seed ${seed}`)
  const agenda = createAgenda(start)
  const tally = createTally(show)
  const folder = await initialisedFolder()
  const targets = enforcerNames.flatMap((enforcer) =>
    targetsOf[enforcer].map((name) =>
      createTarget(agenda, name, enforcer, accountsOf[name] ?? []),
    ),
  )
  const grantees = dice.named('grantees')
  /** Whoever has waited for access goes in as soon as it is there, and most often stays. */
  const goIn = (name: string) => {
    const [grant, at] = name.split(' on ')
    const target = targets.find((each) => each.name === at)
    if (target === undefined || grantees.chance(0.3)) return
    agenda.after(grantees.between(200, 6000), 'a grantee goes in', () => {
      if (openSession(target, grant as GrantId)) tally.happened('step: use of a target')
    })
  }
  const handedOut = (target: Target, grant: GrantId) => {
    tally.happened('step: secret of a shared account handed out')
    goIn(`${grant} on ${target.name}`)
  }
  const world = {
    ...{ seed, agenda, dice, tally, bug, targets, chronicle: createChronicle() },
    ...{
      pagerWorks: true,
      hasBackup: false,
      isServerHeld: false,
      failure: null as unknown,
    },
    ...{ spent: new Map(), localEnds: new Map(), answers: new Map(), roots: new Map() },
    handedOut,
    ...{ badBearers: new Set(), trusted: new Map(), opened: watchOpened(tally, goIn) },
    wakeEnforcers() {
      for (const enforcer of world.enforcers)
        world.network.post('server', enforcer.name, 'wake', enforcer.wake)
    },
    fail(error: unknown) {
      world.failure ??= error
    },
  } as unknown as World
  world.server = createServerNode(world, folder)
  world.network = createNetwork(agenda, dice.named('network'), tally, front(world))
  world.enforcers = enforcerNames.map((name) => createEnforcerNode(world, name))
  for (const target of targets) watchEffects(world, target)
  return world
}

/** The server, and what a bug puts before it; whatever leaves is judged as it leaves. */
function front(world: World): Answering {
  const answer = world.bug.front?.(world.server.answer, world) ?? world.server.answer
  return async (question: Question) => {
    judgeSafely(world, () => judgeSecrets(world, question.from, question.body))
    const reply = await answer(question)
    if (reply !== null) judgeSafely(world, () => judgeReply(world, question, reply))
    return reply
  }
}

/** Inside the product nothing is thrown at it. */
function judgeSafely(world: World, judgement: () => void): void {
  try {
    judgement()
  } catch (error) {
    world.fail(error)
  }
}

function watchEffects(world: World, target: World['targets'][number]): void {
  const effects = target.fake.effects as { push(effect: never): number }
  const { push } = Array.prototype
  effects.push = (effect) => {
    judgeSafely(world, () => judgeEffect(world, target, effect))
    return push.call(effects, effect)
  }
}

function watchOpened(tally: Tally, onOpened: (name: string) => void): World['opened'] {
  const standing = new Set<string>()
  const over = new Set<string>()
  return {
    seen(name) {
      if (!standing.has(name)) {
        tally.happened('access opened at a target')
        onOpened(name)
      }
      standing.add(name)
      return !over.has(name)
    },
    closed(name) {
      if (!standing.delete(name)) return
      over.add(name)
      tally.happened('access ended at a target')
    },
  }
}

/** Half of what can go wrong, or a fifth, or all of it. */
function chooseFaults({ dice }: World): readonly FaultName[] {
  const own = dice.named('faults chosen')
  const share = own.pick([0.2, 0.5, 0.5, 1])
  return faultNames.filter(() => own.chance(share))
}

function startAll(world: World): void {
  void world.server.boot()
  for (const enforcer of world.enforcers) void enforcer.boot()
}

function beginWork(world: World, millis: number): void {
  const workload = createWorkload(world)
  const dice = world.dice.named('pace')
  const next = () => {
    if (world.agenda.now() >= start + millis) return
    workload.step().catch(world.fail)
    world.agenda.after(dice.between(80, 1400), 'somebody does something', next)
  }
  world.agenda.after(500, 'somebody does something', next)
}

function beginFaults(world: World, chosen: readonly FaultName[], millis: number): void {
  if (chosen.length === 0) return
  const { agenda, tally } = world
  const dice = world.dice.named('faults')
  const pause = dice.pick([3000, 10_000, 25_000])
  const next = () => {
    if (agenda.now() >= start + millis) return
    const name = dice.pick(chosen)
    const begun = faults[name](world, dice)
    if (begun !== null) {
      tally.happened(`fault begun: ${name}`)
      tally.tell(`${agenda.now()} fault: ${name} for ${begun.millis} ms`)
      const left = Math.min(begun.millis, start + millis - agenda.now())
      agenda.after(left, `fault over: ${name}`, begun.over)
    }
    agenda.after(dice.between(pause / 3, pause * 2), 'time for a fault', next)
  }
  agenda.after(dice.between(2000, 8000), 'time for a fault', next)
}

function healAll(world: World): void {
  world.network.change((weather) => {
    Object.assign(weather, fair)
    weather.cut.clear()
  })
  for (const target of world.targets) target.heal()
  world.pagerWorks = true
}
