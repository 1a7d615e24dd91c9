import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Grant, GrantIn } from '@halligan/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  activeGrant,
  call,
  Person,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'

type Taken = Readonly<{ type: string; at: number }>

const taken: Taken[] = []
const hook = createServer(async (request, response) => {
  let body = ''
  for await (const part of request) body += part
  taken.push({ type: JSON.parse(body).type, at: Date.now() })
  response.writeHead(204).end()
})
const dir = mkdtempSync(join(tmpdir(), 'halligan-alerts-'))
const alerts = join(dir, 'alerts.jsonl')
let server: TestServer
beforeAll(async () => {
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done))
  const routes = join(dir, 'routes.json')
  writeFileSync(
    routes,
    JSON.stringify([
      { name: 'local', kind: 'file', path: alerts },
      { name: 'dead', kind: 'command', run: ['/bin/false'] },
    ]),
  )
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
  server = await startServer(
    { 'notice-url': url, 'notice-private': 'true', routes },
    (_, text) => text.replace('revokeSloSeconds: 60', 'revokeSloSeconds: 1'),
  )
})
afterAll(async () => {
  await server.stop()
  await new Promise((done) => hook.close(done))
  rmSync(dir, { recursive: true })
})

const inFile = () =>
  readFileSync(alerts, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).type as string)

test('C-01 X-05 INV-9 an overdue end is told by two routes within seconds, a third one dead', async () => {
  const [ada, bob] = [
    await Person.at(server.url, 'ada'),
    await Person.at(server.url, 'bob'),
  ]
  const { grant } = await activeGrant(ada, bob)
  await bob.act('revoke', {}, { grant })
  const type = 'halligan.access_not_ended'
  await expect
    .poll(() => taken.filter((one) => one.type === type), { timeout: 20_000 })
    .toHaveLength(3)
  await expect.poll(inFile, { timeout: 20_000 }).toContain(type)
  const { body } = await ada.get<{ grant: Grant }>(`/v1/grants/${grant}`)
  const { endedAt, targets } = body.grant as GrantIn<'revoked'>
  expect(targets).toMatchObject([{ overdue: { since: expect.any(Number) } }])
  const told = taken.findLast((one) => one.type === type)
  const millis = (told?.at ?? Infinity) - endedAt - 1000
  expect(millis).toBeGreaterThanOrEqual(0)
  expect(millis).toBeLessThan(10_000)
  const { alerts: routes } = (await ada.get<{ alerts: unknown }>('/v1/status')).body
  expect(routes).toMatchObject({
    singleRoute: false,
    routes: [
      { route: 'notice-url', kind: 'webhook', takes: 'all', waiting: 0 },
      { route: 'local', kind: 'file', takes: 'pages', waiting: 0 },
      { route: 'dead', kind: 'command', takes: 'pages', pages: expect.any(Number) },
    ],
  })
  expect((routes as { routes: { pages: number }[] }).routes[2]?.pages).toBeGreaterThan(2)
})

test('X-05 a server whose pages have one route says so at its start and in its status', async () => {
  const single = await startServer({ 'notice-url': 'http://127.0.0.1:9/' })
  try {
    expect(single.lines.join()).toContain('no second, independent route')
    expect(server.lines.join()).not.toContain('no second, independent route')
    const ada = await Person.at(single.url, 'ada')
    const { body } = await ada.get('/v1/status')
    expect(body.alerts).toMatchObject({ singleRoute: true })
    expect((await call(single.url, 'GET', '/healthz')).status).toBe(200)
  } finally {
    await single.stop()
  }
})
