import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareWithReplay } from '../../test/compare-with-replay.ts'
import { laneOf, must, openEstate, seedOf, type TestEstate } from '../../test/estate-kit.ts'
import {
  activeGrant,
  applied,
  declareIncident,
  noticesOf,
  report,
  workOff,
} from '../../test/flow-kit.ts'
import { createNet } from '../node-ports.ts'
import { webhookSink } from '../notify/webhook.ts'
import type { Deps } from './deps.ts'
import { runDueWork } from './run-due-work.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
  await declareIncident(estate)
})
afterEach(() => estate.close())

const secret = `whsec_${Buffer.from(seedOf('webhook')).toString('base64')}`

/** A receiver that checks signatures, and keeps what it took. */
async function receiver() {
  const taken: { kind: string; to: string }[] = []
  const kit = { works: true }
  const server: Server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    if (!kit.works) return void response.writeHead(500).end()
    const body = Buffer.concat(parts).toString()
    const told = new Webhook(secret).verify(body, request.headers as Record<string, string>)
    const { type, data } = told as { type: string; data: { to: string } }
    taken.push({ kind: type, to: data.to })
    response.writeHead(204).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const net = createNet(new Set(['127.0.0.1']))
  const url = `http://127.0.0.1:${port}/`
  // Real time: a receiver believes no timestamp that is minutes off.
  const clock = { now: () => Date.now() as never }
  const sink = webhookSink({ url, secret, net, clock })
  const close = () => new Promise((done) => server.close(done))
  return Object.assign(kit, { taken, sink, close })
}

/** Getters stay getters: the writer is another one after a restart. */
const withLanes = (lanes: Deps['lanes']): Deps =>
  Object.defineProperties(
    { lanes } as Deps,
    (({ lanes: _, ...rest }) => rest)(Object.getOwnPropertyDescriptors(estate.deps)),
  )

async function twoRoutes() {
  const [one, other] = [await receiver(), await receiver()]
  const lanes = [laneOf(one.sink, 'one'), laneOf(other.sink, 'other')]
  const deps = withLanes(lanes)
  return { one, other, deps, close: () => Promise.all([one.close(), other.close()]) }
}

const pages = [
  { kind: 'halligan.access_not_ended', to: 'bob' },
  { kind: 'halligan.access_not_ended', to: 'cy' },
  { kind: 'halligan.access_not_ended', to: 'dee' },
]
const takenBy = ({ taken }: { taken: readonly { kind: string; to: string }[] }) =>
  taken
    .filter(({ kind }) => kind === 'halligan.access_not_ended')
    .toSorted((a, b) => (a.to < b.to ? -1 : 1))

describe('C-01 X-05 what is overdue', () => {
  const overdue = async (deps: Deps) => {
    const asked = await activeGrant({ ...estate, deps } as TestEstate)
    must(await report(estate, asked.grant, applied))
    estate.time.pass(600_000)
    await workOff({ ...estate, deps } as TestEstate)
    estate.time.pass(60_000)
    return asked
  }

  test('reaches two receivers over HTTP in the round that finds it', async () => {
    const { one, other, deps, close } = await twoRoutes()
    const { grant } = await overdue(deps)
    const began = performance.now()
    await workOff({ ...estate, deps } as TestEstate)
    expect(performance.now() - began).toBeLessThan(5000)
    expect(takenBy(one)).toEqual(pages)
    expect(takenBy(other)).toEqual(pages)
    expect(
      noticesOf(estate, grant, 'access_not_ended').every(({ deliveredAt }) => deliveredAt),
    ).toBe(true)
    await close()
  })

  test('INV-18a reaches one while the other is dead, and the other once it lives, each once', async () => {
    const { one, other, deps, close } = await twoRoutes()
    one.works = false
    const { grant } = await overdue(deps)
    await workOff({ ...estate, deps } as TestEstate)
    expect(takenBy(other)).toEqual(pages)
    expect(takenBy(one)).toEqual([])
    expect(noticesOf(estate, grant, 'access_not_ended')[0]).toMatchObject({
      deliveredAt: null,
      routes: [
        { route: 'one', deliveredAt: null, attempts: 1 },
        { route: 'other', deliveredAt: expect.any(Number), attempts: 1 },
      ],
    })
    expect(deps.view().waitingOn('one', 99).pages).toBeGreaterThanOrEqual(3)
    expect(deps.view().waitingOn('other', 99).pages).toBe(0)
    await estate.restart()
    one.works = true
    estate.time.pass(300_000)
    await workOff({ ...estate, deps } as TestEstate)
    expect(takenBy(one)).toEqual(pages)
    expect(takenBy(other)).toEqual(pages)
    expect(deps.view().waitingOn('one', 99)).toEqual({ waiting: 0, pages: 0 })
    await close()
  })

  test('a route that hangs delays neither another nor the next end', async () => {
    const heard: string[] = []
    const hung = laneOf({ deliver: () => new Promise(() => {}) }, 'hung')
    const well = laneOf({ deliver: async ({ kind }) => heard.push(kind) > 0 }, 'well')
    const deps = withLanes([hung, well])
    await overdue(estate.deps)
    await activeGrant({ ...estate, deps } as TestEstate)
    await runDueWork(deps)
    await runDueWork(deps)
    await expect.poll(() => heard).toContain('access_not_ended')
    await expect
      .poll(() => deps.view().waitingOn('well', 99))
      .toEqual({ waiting: 0, pages: 0 })
    expect(deps.view().waitingOn('hung', 99).waiting).toBeGreaterThan(0)
  })
})

describe('Q-07 nothing that is owed can be cleaned away', () => {
  test.each(['DELETE FROM notices', 'DELETE FROM notice_routes'])('by %s', async (sql) => {
    await activeGrant(estate)
    const db = estate.log.store.database()
    expect(() => db.exec(sql)).toThrow('is never deleted')
  })

  test.each(['due', 'open_targets'])(
    'by deleting from %s: replay misses it',
    async (table) => {
      await activeGrant(estate)
      const db = estate.log.store.database()
      db.exec(`DELETE FROM ${table}`)
      expect(compareWithReplay(db, estate.deps.crypto)).toMatchObject({ table })
      await estate.restart()
      expect(estate.log.safeMode.causes()).toMatchObject([{ cause: 'projection' }])
    },
  )
})
