import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, Person, startServer, type TestServer } from '../../test/http-kit.ts'

let server: TestServer
let ada: Person
let cy: Person
let mallory: Person

beforeAll(async () => {
  server = await startServer({ 'prepares-per-minute': '20', 'calls-per-minute': '200' })
  ada = await Person.at(server.url, 'ada')
  cy = await Person.at(server.url, 'cy')
  mallory = await Person.at(server.url, 'mallory')
})
afterAll(async () => await server.stop())

describe('PO-13 asking what is open to somebody else', () => {
  const about = (by: Person, person: string) => by.post('/v1/check', { person })

  test('needs a role, while asking about oneself needs none', async () => {
    expect(await about(mallory, 'ada')).toMatchObject({
      status: 403,
      body: { code: 'not_allowed' },
    })
    expect(await about(mallory, 'mallory')).toMatchObject({ status: 200 })
    expect(await about(cy, 'ada')).toMatchObject({ status: 200 })
  })

  test('is on the record, with who asked about whom', async () => {
    await about(cy, 'robo')
    expect(server.lines.some((line) => /"by":"cy".*"about":"robo"/.test(line))).toBe(true)
  })

  test('is done seldom, or not at all', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 12; i++) statuses.push((await about(cy, 'ada')).status)
    expect(statuses).toContain(429)
    expect(await about(cy, 'cy')).toMatchObject({ status: 200 })
  })
})

describe('RQ-13 500 requests in a minute', () => {
  test('end in 429 for their author, and cost nobody else anything', async () => {
    const flood = Array.from({ length: 500 }, () =>
      mallory.post('/v1/prepare', { verb: 'approve' }),
    )
    const other = async () =>
      (await ada.post('/v1/prepare', { verb: 'open_incident' })).status
    const others = [await other(), await other(), await other()]
    const told = await Promise.all(flood)
    const through = told.filter(({ status }) => status === 200)
    const stopped = told.filter(({ status }) => status === 429)
    expect(through.length).toBeLessThan(40)
    expect(through.length + stopped.length).toBe(500)
    expect(Number(stopped[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(others).toEqual([200, 200, 200])
  })

  test('leave the way to end something open for their author too', async () => {
    const slow = await Person.at(server.url, 'dee')
    for (let i = 0; i < 25; i++) await slow.post('/v1/prepare', { verb: 'approve' })
    expect(await slow.post('/v1/prepare', { verb: 'approve' })).toMatchObject({
      status: 429,
    })
    expect(await slow.post('/v1/prepare', { verb: 'revoke' })).toMatchObject({
      status: 200,
    })
  })
})

test('health, metrics and the description need no session and hold no names', async () => {
  expect(await call(server.url, 'GET', '/healthz')).toMatchObject({
    status: 200,
    body: { live: true, ready: true, safeMode: [] },
  })
  const { body } = await call<string>(server.url, 'GET', '/metrics')
  const gauges = body.match(/^# TYPE halligan_\w+ gauge$/gm) ?? []
  expect(gauges.length).toBeGreaterThanOrEqual(8)
  expect(body).not.toMatch(/ada|payments/)
  const openapi = await call<{ openapi: string }>(server.url, 'GET', '/openapi.json')
  expect(openapi.body.openapi).toBe('3.1.0')
})
