import type { GrantId, Instant } from '@halligan/core'
import type { Connector } from '../../../packages/enforcer/src/connectors/port.ts'
import { holdIn } from '../../../packages/enforcer/src/state.ts'
import type { Bug, Mutant } from '../bug.ts'
import { remote } from '../connector.ts'
import { enforcerNames, start } from '../estate.ts'
import { targetNamed, type World } from '../world.ts'
import { everyConnector, later } from './bend.ts'

const standsAlone = (world: World, afterMillis: number) =>
  world.agenda.now() >= start + afterMillis

/** The server answers no enforcer any more once so much time has passed. */
const leftAlone =
  (afterMillis: number): NonNullable<Bug['front']> =>
  (answer, world) =>
  async (question) =>
    standsAlone(world, afterMillis) && enforcers.has(question.from)
      ? null
      : answer(question)

const enforcers: ReadonlySet<string> = new Set(enforcerNames)

/** The connectors of one enforcer, of which one call is made at a time, with patience for a sick target. */
function queued(
  connectors: ReadonlyMap<string, Connector>,
  world: World,
): Map<string, Connector> {
  let queue: Promise<unknown> = Promise.resolve()
  const behindIt = (target: string, connector: Connector): Connector =>
    new Proxy(connector, {
      get(port, name, receiver) {
        const member: unknown = Reflect.get(port, name, receiver)
        if (typeof member !== 'function' || !remote.has(name)) return member
        return (...args: unknown[]) => {
          const mine = queue.then(() => member.apply(port, args))
          queue = mine
            .catch(() => null)
            .then(() => {
              const isIll = targetNamed(world, target).isIll()
              return isIll ? world.agenda.sleep(90_000, 'patience') : null
            })
          return mine
        }
      },
    })
  return new Map([...connectors].map(([name, each]) => [name, behindIt(name, each)]))
}

/** Long enough for something to have been opened, in ms. */
const aloneAfter = 90_000

export const mutantEnforcers: readonly Mutant[] = [
  {
    invariant: 1,
    name: 'a connector opens for whoever has asked, decided or not',
    faults: [],
    bug: {
      connector: everyConnector((connector, world, target) => ({
        async snapshot(name) {
          const asked = [...world.chronicle.stories.values()].find(
            (story) => story.activated === null && story.over === null,
          )
          const terms = asked?.terms.targets.find((each) => each.target === target)
          if (asked !== undefined && terms !== undefined)
            await connector.apply({
              ...{ grant: asked.grant, target, requester: asked.terms.requester },
              ...{ privileges: terms.privileges, overlapKey: '' },
              applyBefore: later(world, 60_000),
              deadline: later(world, 60_000),
            })
          return connector.snapshot(name)
        },
      })),
    },
  },
  {
    invariant: 5,
    name: 'a connector confers another role than the one that was signed',
    faults: [],
    bug: {
      connector: everyConnector((connector) => ({
        apply: (opening) => connector.apply({ ...opening, privileges: ['role:owner'] }),
      })),
    },
  },
  {
    invariant: 6,
    name: 'a connector gives an hour more',
    faults: [],
    bug: {
      connector: everyConnector((connector) => ({
        apply: (opening) =>
          connector.apply({
            ...opening,
            deadline: (opening.deadline + 3_600_000) as Instant,
          }),
      })),
    },
  },
  {
    invariant: 8,
    name: 'a cleanup lets the account in again',
    faults: ['targetRefusesCleanup'],
    bug: {
      connector: everyConnector((connector, world, target) => ({
        async cleanup(grant) {
          const { fake } = targetNamed(world, target)
          const login = fake.logins.find((each) => each.grant === grant)
          login?.sessions.add(Symbol('let in again'))
          await world.agenda.sleep(1000, 'let in again')
          return connector.cleanup(grant, target)
        },
      })),
    },
  },
  {
    invariant: 9,
    name: 'a probe believes what it was told',
    faults: ['targetLies', 'targetKeepsSessions'],
    bug: {
      connector: everyConnector((connector, world) => ({
        async probeAbsent(grant, target) {
          await connector.probeAbsent(grant, target)
          return [{ probe: 'told', absent: true, at: later(world, 0) }]
        },
      })),
    },
  },
  {
    invariant: 10,
    name: 'books note an apply only once it has succeeded',
    faults: ['targetSlow', 'targetLosesAnswers'],
    bug: {
      books: (books) => ({
        ...books,
        keepHold(hold) {
          if (!holdIn(hold, 'applying')) books.keepHold(hold)
        },
      }),
    },
  },
  {
    invariant: 11,
    name: 'a queue before the target delivers an apply again, late',
    faults: [],
    bug: {
      connector: everyConnector((connector, world) => ({
        apply(opening) {
          world.agenda.after(60_000, 'delivered again', () => {
            const [applyBefore, deadline] = [later(world, 60_000), later(world, 60_000)]
            connector.apply({ ...opening, applyBefore, deadline }).catch(() => null)
          })
          return connector.apply(opening)
        },
      })),
    },
  },
  {
    invariant: 18,
    name: 'an enforcer ends nothing while it cannot reach its server',
    faults: [],
    bug: {
      front: leftAlone(75_000),
      connector: everyConnector((connector, world, target) => ({
        async end(grant: GrantId) {
          if (standsAlone(world, 75_000)) throw new Error('the control plane has to agree')
          return connector.end(grant, target)
        },
      })),
    },
  },
  {
    invariant: 20,
    name: 'a sealer encodes and does not encrypt',
    faults: [],
    bug: {
      sealer: () => ({
        seal: async (credential, _, header) => `${header.grant}.${credential.password}`,
      }),
    },
  },
  {
    invariant: 21,
    name: 'the clocks of an enforcer stand still once it is alone',
    faults: [],
    bug: {
      front: leftAlone(aloneAfter),
      enforcerClock: (clock) => ({
        read() {
          const { wall, bootMillis, ...more } = clock.read()
          const lost = Math.max(0, wall - start - aloneAfter)
          return { ...more, wall: (wall - lost) as Instant, bootMillis: bootMillis - lost }
        },
      }),
    },
  },
  {
    invariant: 25,
    name: 'one queue for all targets of an enforcer',
    faults: ['targetSlow', 'targetDown', 'targetLosesAnswers'],
    bug: { connectors: queued },
  },
]
