import { type Route, routes } from '@halligan/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bearer,
  blobOf,
  call,
  newGrant,
  Person,
  sessionOf,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'

let server: TestServer
let ada: Person
let dee: Person
let tokens: Readonly<Record<'nobody' | 'principal' | 'enforcer', string | null>>

beforeAll(async () => {
  server = await startServer({ 'calls-per-minute': '2000' })
  ada = await Person.at(server.url, 'ada')
  dee = await Person.at(server.url, 'dee')
  const enforcer = await sessionOf(server.url, 'enforcer/enf-payments')
  tokens = { nobody: null, principal: ada.token, enforcer }
})
afterAll(async () => await server.stop())

const all = Object.entries<Route>(routes)
const pathOf = ({ path }: Route) =>
  path
    .replace(':grant', newGrant())
    .replace(':target', 'payments-pg')
    .replace(':index', '0')

const asRole = (role: keyof typeof tokens) => {
  const token = tokens[role]
  return token === null ? {} : bearer(token)
}

const sizeNow = async () => {
  const { body } = await dee.get<{ size: number }>('/v1/status')
  return body.size
}

describe('WB-11 every route by every role', () => {
  const roles = ['nobody', 'principal', 'enforcer'] as const
  const matrix = all.flatMap(([id, route]) =>
    roles.map((role) => [id, role, route] as const),
  )

  test.each(matrix)('%s as %s', async (_, role, route) => {
    if (route.media === 'text/event-stream' && allows(route, role)) return
    const body = route.method === 'POST' ? {} : undefined
    const told = await call(server.url, route.method, pathOf(route), body, asRole(role))
    if (allows(route, role)) expect([401, 403]).not.toContain(told.status)
    else expect([401, 403]).toContain(told.status)
  })

  const allows = ({ auth, roles: needed }: Route, role: (typeof roles)[number]) =>
    auth !== 'session' || needed.some((one) => one === role)

  const otherMethods = ['PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
  test.each(all)('%s takes no other method', async (_, route) => {
    for (const method of otherMethods) {
      const told = await call(
        server.url,
        method,
        pathOf(route),
        undefined,
        asRole('principal'),
      )
      expect(told).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
      expect(told.headers.get('allow')).toContain(route.method)
    }
  })

  test('method override headers and another case of the path reach nothing', async () => {
    const override = { 'x-http-method-override': 'POST', ...asRole('principal') }
    expect(await call(server.url, 'GET', '/v1/prepare', undefined, override)).toMatchObject(
      {
        status: 405,
      },
    )
    for (const path of ['/V1/grants', '/v1/grants/', '//v1/grants', '/v1/./x/../../admin'])
      expect(
        await call(server.url, 'GET', path, undefined, asRole('principal')),
      ).toMatchObject({ status: 404 })
  })
})

describe('AP-28 there is no way around the quorum', () => {
  test.each(['/v1/grants/override', '/v1/acts/override', '/v1/acts/force', '/v1/admin'])(
    '%s is nowhere',
    async (path) => {
      const told = await call(server.url, 'POST', path, {}, asRole('principal'))
      expect([404, 405]).toContain(told.status)
    },
  )

  test('a session alone changes nothing: each act wants a signature of its own', async () => {
    const before = await sizeNow()
    const told = await call(server.url, 'POST', '/v1/acts/approve', {}, asRole('principal'))
    expect(told).toMatchObject({ status: 422, body: { code: 'malformed_request' } })
    expect(await sizeNow()).toBe(before)
  })
})

describe('RQ-01 a body over 64 KiB', () => {
  const huge = JSON.stringify({ principal: 'a'.repeat(10 << 20) })

  test('is refused by its declared length, and counted', async () => {
    const told = await call(server.url, 'POST', '/v1/session/challenge', huge)
    expect(told).toMatchObject({ status: 413, body: { code: 'too_large' } })
    await expectCounted('too_large')
  })

  test('is refused by its bytes when it declares none, before it ends', async () => {
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1
        if (sent > 10_000) controller.close()
        else controller.enqueue(new TextEncoder().encode(`{"a":"${'x'.repeat(8192)}`))
      },
    })
    const init = { method: 'POST', body, duplex: 'half', headers: jsonType } as RequestInit
    const response = await fetch(`${server.url}/v1/session/challenge`, init)
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(2_000)
  })

  test('stores nothing of a reason of ten megabytes', async () => {
    const before = await sizeNow()
    const reason = blobOf('x'.repeat(10 << 20))
    const told = await call(server.url, 'POST', '/v1/acts/request', {
      act: {},
      blobs: [reason],
    })
    expect(told.status).toBe(413)
    const kept = await sizeNow()
    expect(kept - before).toBeLessThanOrEqual(1)
  })
})

const jsonType = { 'content-type': 'application/json' }

/** Within its minute, one entry says how often; until then the count is durable beside the log. */
async function expectCounted(code: string) {
  const seen = () => server.counted().includes(code)
  await expect.poll(seen, { timeout: 5000 }).toBe(true)
}

describe('RQ-02 WB-13 what JSON may hold', () => {
  const prepare = (text: string) =>
    call(server.url, 'POST', '/v1/prepare', text, asRole('principal'))

  test.each([
    ['an unknown field', '{"verb":"approve","state":"approved"}', 'malformed_request'],
    ['approvals', '{"verb":"approve","approvals":["bob"]}', 'malformed_request'],
    ['another requester', '{"verb":"request","requester":"bob"}', 'malformed_request'],
    ['__proto__', '{"verb":"approve","__proto__":{"admin":true}}', 'forbidden_key'],
    ['constructor', '{"verb":"approve","constructor":{"prototype":{}}}', 'forbidden_key'],
    ['a duplicate key', '{"verb":"approve","verb":"deny"}', 'duplicate_key'],
    ['NaN', '{"verb":"request","lifeSeconds":NaN}', 'malformed_json'],
    ['1e309', '{"verb":"request","lifeSeconds":1e309}', 'unsafe_number'],
    ['2^53', '{"verb":"request","lifeSeconds":9007199254740993}', 'unsafe_number'],
    ['a fractional life', '{"verb":"request","lifeSeconds":1.5}', 'malformed_request'],
    ['a negative life', '{"verb":"request","lifeSeconds":-1}', 'malformed_request'],
    ['depth', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'too_deep'],
    ['a lone surrogate', '{"verb":"\\ud800"}', 'lone_surrogate'],
    ['nothing', '', 'malformed_json'],
    ['two values', '{} {}', 'malformed_json'],
  ])('%s is refused before anything is stored', async (_, text, code) => {
    const before = await sizeNow()
    expect(await prepare(text)).toMatchObject({ status: 422, body: { code } })
    expect(await sizeNow()).toBe(before)
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('many keys are refused quickly', async () => {
    const keys = Array.from({ length: 6000 }, (_, i) => `"k${i}":0`).join()
    const told = await prepare(`{${keys}}`)
    expect(told).toMatchObject({ status: 422 })
    expect(JSON.stringify(told.body).length).toBeLessThan(4096)
  })

  test('a form cannot be sent across sites: only JSON is read', async () => {
    const told = await call(server.url, 'POST', '/v1/session/challenge', 'principal=ada', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(told).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
  })

  test.each([
    '/v1/grants?limit=0',
    '/v1/grants?limit=5&limit=6',
    '/v1/grants?x=1',
    '/v1/grants?phase=active,overridden',
    '/v1/status?a',
  ])('a query that is not in the table is refused: %s', async (path) => {
    expect(await ada.get(path)).toMatchObject({ status: 422 })
  })
})

describe('WB-19 nothing that a caller wrote is ever put into a script', () => {
  const nasty = ['ada\r\nx-evil: 1', '$(reboot)', '`id`', 'ada;rm -rf /', '"><script>']

  test.each(nasty)('%j is no principal, and is not echoed', async (principal) => {
    const told = await call(server.url, 'POST', '/v1/session/challenge', { principal })
    expect(told.status).toBe(422)
    expect(JSON.stringify(told.body)).not.toContain(JSON.stringify(principal).slice(1, -1))
    expect(told.headers.get('x-evil')).toBeNull()
  })

  test('no route answers with anything but JSON, events, or our own plain text', () => {
    const media = new Set(all.map(([, route]) => route.media))
    expect([...media].sort()).toEqual([
      'application/json',
      'text/event-stream',
      'text/plain; charset=utf-8',
    ])
  })
})

test('every answer forbids caching, sniffing and framing', async () => {
  for (const path of ['/healthz', '/metrics', '/v1/status', '/v1/nowhere']) {
    const { headers } = await ada.get(path)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  }
})
