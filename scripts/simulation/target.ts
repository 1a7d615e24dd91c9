/**
 * The targets. What they really confer is the ground truth of every invariant: it is read from them directly, never from
 * what an enforcer, a server or the target itself says.
 *
 * @module
 */
import type { GrantId, Instant } from '@halligan/core'
import {
  connectFake,
  createFakeTarget,
  type Effect,
  type FakeTarget,
  hasAccess,
} from '../../packages/enforcer/src/connectors/fake.ts'
import type { Connector } from '../../packages/enforcer/src/connectors/port.ts'
import type { Agenda } from './agenda.ts'
import type { Dice } from './dice.ts'
import type { Tally } from './tally.ts'

export type Target = {
  readonly name: string
  readonly enforcer: string
  readonly fake: FakeTarget
  /** Longest time that a call takes, in ms. */
  slowness: number
  /** Calls take effect, and nobody hears of it. */
  losesAnswers: boolean
  /** Every call arrives so many times. */
  copies: number
  hasAccess(grant: GrantId): boolean
  /** Simulated time since which it is up, quick and honest. */
  wellSince(): number
  /** Whether anything is wrong with it now. */
  isIll(): boolean
  ill(fault: (target: Target) => void): void
  heal(): void
  /** Everything that really happened to it, in order, and when. */
  readonly effects: readonly Effect[]
}

export const quick = 60

export function createTarget(agenda: Agenda, name: string, enforcer: string): Target {
  const fake = createFakeTarget(() => agenda.now() as Instant)
  let wellSince = agenda.now()
  let isIll = false
  const target: Target = {
    name,
    enforcer,
    fake,
    slowness: quick,
    losesAnswers: false,
    copies: 1,
    hasAccess: (grant) => hasAccess(fake, grant),
    wellSince: () => (isIll ? Number.POSITIVE_INFINITY : wellSince),
    isIll: () => isIll,
    ill(fault) {
      isIll = true
      fault(target)
    },
    heal() {
      if (isIll) wellSince = agenda.now()
      isIll = false
      target.slowness = quick
      target.losesAnswers = false
      target.copies = 1
      fake.down = false
      fake.liesAboutEnding = false
      fake.keepsSessions = false
      fake.refusesCleanup = false
    },
    effects: fake.effects,
  }
  return target
}

/** A grantee at work: a session that goes on until the target ends it. False when the login does not let it in. */
export function openSession(target: Target, grant: GrantId): boolean {
  const login = target.fake.logins.find((each) => each.grant === grant)
  if (login === undefined || !login.canLogin || target.fake.now() >= login.validUntil)
    return false
  login.sessions.add(Symbol('session'))
  return true
}

type Call = (...args: unknown[]) => unknown

/** The calls of a connector that go to its target. */
export const remote: ReadonlySet<string | symbol> = new Set<string | symbol>([
  ...['open', 'snapshot', 'apply', 'reseal', 'probePresent', 'end', 'probeAbsent'],
  ...['cleanup', 'standing', 'strangers', 'evidence', 'rotate'],
])

/** The connector of one enforcer process: each call takes time on its way there and back, and may be lost on either. */
export function connectTo(
  agenda: Agenda,
  dice: Dice,
  tally: Tally,
  target: Target,
): Connector {
  const there = connectFake(target.fake)
  const call = async (name: string, args: unknown[], run: Call): Promise<unknown> => {
    const label = `${target.name} ${name}`
    await agenda.sleep(dice.between(1, target.slowness), `at ${label}`)
    if (target.fake.down) tally.happened('fault: target down')
    let value: unknown
    for (let copy = 0; copy < target.copies; copy++) value = await run.apply(there, args)
    if (target.copies > 1) tally.happened('fault: call arrives ten times')
    if (target.slowness > 1000) tally.happened('fault: target slow')
    await agenda.sleep(dice.between(1, target.slowness), `from ${label}`)
    if (!target.losesAnswers) return value
    tally.happened('fault: answer of a target lost')
    throw new Error('connection lost')
  }
  return new Proxy(there, {
    get(_, name, receiver) {
      const member: unknown = Reflect.get(there, name, receiver)
      if (typeof member !== 'function' || !remote.has(name)) return member
      return (...args: unknown[]) => call(String(name), args, member as Call)
    },
  })
}
