import { randomInt } from 'node:crypto'
import { cpSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Grant, GrantId, OpenedGrant } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LeftOpen } from '../src/drill/database.ts'
import type { About, Actor } from './actor.ts'
import { eventually, RoughSite } from './rough-site.ts'
import type { Witness } from './witness.ts'

/** Whoever sees a failure runs it again with HALLIGAN_CHAOS_SEED. */
const seed = Number(process.env.HALLIGAN_CHAOS_SEED ?? randomInt(2 ** 31))

/** xorshift32: the same seed strikes the same programs at the same moments. */
function createDice(start: number) {
  let state = start | 1
  return (sides: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % sides
  }
}

const moments = ['asked', 'activated', 'held', 'expiring', 'ending', 'reviewing'] as const
type Moment = (typeof moments)[number]
const victims = ['server', 'enforcer', 'postgres'] as const

/** An ended login is gone this soon on a busy machine: a look, a session to the target, one retry. */
const slackMillis = 8_000

const settled = (grant: Grant): grant is OpenedGrant =>
  'targets' in grant && grant.targets.every(({ phase }) => phase === 'absent')

let site: RoughSite
let witness: Witness
beforeAll(async () => {
  site = await RoughSite.open()
  await site.up()
  witness = site.witness()
})
afterAll(() => site.remove())

/** The kills of one round, each at its moment, never two of one program at once. */
class Strikes {
  readonly told: string[] = []
  /** When the last program that ends access was up again. */
  whole = 0
  readonly #dice = createDice(seed)
  #queue: Promise<void> = Promise.resolve()

  at(moment: Moment, often: number): void {
    if (this.#dice(often) > 0) return
    const victim = victims[this.#dice(3)] ?? 'server'
    const [before, away] = [this.#dice(400), this.#dice(800)]
    this.told.push(`${moment}: ${victim} after ${before} ms, for ${away} ms`)
    this.#queue = this.#queue.then(() => this.#strike(victim, before, away))
  }

  async #strike(victim: (typeof victims)[number], before: number, away: number) {
    await pause(before)
    await site[victim].kill()
    await pause(away)
    if (victim === 'postgres') await site.postgres.restart()
    else await site[victim].start()
    if (victim !== 'server') this.whole = Date.now()
  }

  async over(): Promise<void> {
    await this.#queue
    this.told.length = 0
    this.whole = 0
  }

  /** All that was struck is up again. */
  up(): Promise<void> {
    return this.#queue
  }
}

async function requested(ada: Actor, bob: Actor, incident: string, life: number) {
  const about = await ada.ask(incident, life)
  await bob.mustAct('approve', {}, about)
  return about
}

/** Careless to the end: a session that is never closed. */
async function leaveOpen(
  ada: Actor,
  grant: GrantId,
  key: Parameters<Actor['credential']>[1],
) {
  const login = await ada.credential(grant, key)
  if (login === null) return null
  return LeftOpen.connect(login)
    .then(async (left) => {
      await left.setRole('payments_repair')
      return left
    })
    .catch(() => null)
}

async function reviewed(grant: GrantId): Promise<void> {
  const finding = ['--finding', 'justified', '--note', 'DRILL', '--yes']
  await eventually(
    'the review is closed',
    async () => {
      const { code, stdout, stderr } = await site.persons.dee.run(
        'review',
        'close',
        grant,
        ...finding,
      )
      const done = code === 0 || /closed/.test(stdout + stderr)
      return done
    },
    30_000,
  )
}

function judge(opened: OpenedGrant, whole: number): void {
  const seen = witness.of(opened.id)
  if (seen === undefined) return
  const { notAfter } = opened
  expect(seen.oids.size, `identities of ${seen.role}`).toBe(1)
  // The target itself holds the deadline of the login, whoever is away.
  expect(seen.lastCouldLogIn - notAfter, `${seen.role} could log in`).toBeLessThan(1000)
  const bound = Math.max(notAfter, whole) + slackMillis
  expect(seen.lastSession - bound, `${seen.role} had a session`).toBeLessThan(0)
}

describe(`chaos with HALLIGAN_CHAOS_SEED=${seed}`, () => {
  test('K-04 K-07 K-10 K-11 INV-1 INV-9 INV-10 whatever is killed and whenever, access ends once and for all', async () => {
    console.info(`HALLIGAN_CHAOS_SEED=${seed}`)
    const strikes = new Strikes()
    const [ada, bob] = [await site.actor('ada'), await site.actor('bob')]
    const incident = await ada.openIncident()
    const until = performance.now() + 60_000
    let rounds = 0
    for (; rounds < 6 && performance.now() < until; rounds++) {
      const chosen = moments[rounds % moments.length]
      const strike = (moment: Moment) => strikes.at(moment, moment === chosen ? 1 : 4)
      const about = await ada.ask(incident, 5)
      strike('asked')
      await bob.mustAct('approve', {}, about)
      const key = await ada.activate(about)
      strike('activated')
      await eventually(
        'it is applied, or too late',
        async () => {
          const grant = await ada.grant(about.grant)
          return (
            'targets' in grant && grant.targets.every(({ phase }) => phase !== 'ordered')
          )
        },
        30_000,
      )
      await leaveOpen(ada, about.grant, key)
      strike('held')
      const active = (await ada.grant(about.grant)) as OpenedGrant
      await pause(Math.max(0, active.notAfter - Date.now() - 200))
      strike('expiring')
      await pause(300)
      strike('ending')
      await strikes.up()
      const absent = await eventually(
        'every target is absent',
        async () => {
          const grant = await ada.grant(about.grant)
          return settled(grant) && grant
        },
        40_000,
      )
      strike('reviewing')
      await reviewed(about.grant)
      await strikes.up()
      console.info(`round ${rounds}: ${strikes.told.join('; ')}`)
      judge(absent, strikes.whole)
      expect((await ada.grant(about.grant)).phase).toBe('closed')
      await strikes.over()
    }
    expect(rounds).toBeGreaterThan(2)
    const fresh = await site.actor('dee')
    for (const { index, id } of [...ada.acknowledged, ...bob.acknowledged]) {
      const proven = await fresh.client.prove(index, id)
      expect(proven.ok, `entry ${index} was acknowledged`).toBe(true)
    }
    expect(await site.persons.dee.run('ledger', 'verify')).toMatchObject({ code: 0 })
  }, 170_000)

  test('AC-02 INV-11 two activations at once make one grant, one order and one login', async () => {
    const [ada, bob, other] = (await Promise.all(
      (['ada', 'bob', 'ada'] as const).map((name) => site.actor(name)),
    )) as [Actor, Actor, Actor]
    const about: About = await requested(ada, bob, await ada.openIncident(), 4)
    const sealTo = {
      kty: 'OKP',
      crv: 'X25519',
      x: 'CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk',
    } as const
    const both = await Promise.all(
      [ada, other].map((each) => each.act('activate', { sealTo }, about)),
    )
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    const read = await ada.client.call('grant', { params: { grant: about.grant } })
    const kinds = read.ok ? read.value.entries.map(({ entry }) => entry.kind) : []
    expect(kinds.filter((kind) => kind === 'activated' || kind === 'ordered')).toEqual([
      'activated',
      'ordered',
    ])
    const opened = await eventually('it is absent', async () => {
      const grant = await ada.grant(about.grant)
      return settled(grant) && grant
    })
    judge(opened, 0)
    await reviewed(about.grant)
  })

  test('S-11 a second server on the folder, and a second enforcer on folder or target, refuse to start', async () => {
    const server = await site.second(
      'halligan-server',
      'run',
      '--dir',
      site.dir('server'),
      '--port',
      '0',
    )
    expect(server).toMatchObject({ code: 1 })
    expect(server.stderr).toMatch(/to myself/)
    const enforcer = await site.second(
      'halligan-enforcer',
      'run',
      '--dir',
      site.dir('enforcer'),
    )
    expect(enforcer).toMatchObject({ code: 1 })
    expect(enforcer.stderr).toMatch(/another enforcer/)
    const copy = site.dir('enforcer-copy')
    cpSync(site.dir('enforcer'), copy, {
      recursive: true,
      filter: (path) => !/(?:\.sock|-wal|-shm)$/.test(path),
    })
    const other = await site.second('halligan-enforcer', 'run', '--dir', copy)
    expect(other).toMatchObject({ code: 1 })
    expect(other.stderr).toMatch(/another enforcer/)
    expect(await site.healthy()).toBe(true)
    expect(site.enforcer.running).toBe(true)
  })

  test('TM-04 T-02 an enforcer that sleeps across the deadline ends the access as soon as it wakes', async () => {
    const [ada, bob] = [await site.actor('ada'), await site.actor('bob')]
    const about = await requested(ada, bob, await ada.openIncident(), 5)
    const key = await ada.activate(about)
    const login = await eventually('the credential', () => ada.credential(about.grant, key))
    const left = await LeftOpen.connect(login)
    await left.setRole('payments_repair')
    site.enforcer.signal('SIGSTOP')
    const { notAfter } = (await ada.grant(about.grant)) as OpenedGrant
    await pause(notAfter + 1500 - Date.now())
    expect(await left.wasEnded()).toBe(false)
    expect(await left.canLogIn()).toBe(false)
    site.enforcer.signal('SIGCONT')
    const woke = Date.now()
    await eventually('the session is cut', () => left.wasEnded(), 3_000)
    expect(Date.now() - woke).toBeLessThan(3_000)
    const opened = await eventually('it is absent', async () => {
      const grant = await ada.grant(about.grant)
      return settled(grant) && grant
    })
    judge(opened, woke)
  })
})
