import { json, type Route } from '@halligan/contract'
import { ok, type Roster } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { describe, expect, test } from 'vitest'
import { nodeClock } from '../node-ports.ts'
import { StorageFailed } from '../store/port.ts'
import { type ServeOptions, serve } from './serve.ts'

const options: ServeOptions = {
  clock: nodeClock,
  crypto: nodeCrypto,
  sessions: {
    challenge: () => '',
    open: () => ({ ok: false, error: { code: 'bad_challenge' } }),
    caller: () => ({ ok: false, error: { code: 'no_session' } }),
  },
  roster: () => ({}) as Roster,
  sessionCap: { take: () => 0 },
  addressCap: { take: () => 0 },
  streams: { hold: (_, events) => events },
  stopping: new AbortController().signal,
  count: () => {},
  log: () => {},
}

const health: Route = {
  method: 'GET',
  path: '/healthz',
  summary: 'Health',
  auth: 'none',
  roles: [],
  effect: 'reads',
  body: null,
  mostBytes: 0,
  query: null,
  response: json,
  media: 'application/json',
}

const handlers = (answer: () => unknown) =>
  ({ healthz: async () => ok(answer()) }) as unknown as Parameters<typeof serve>[1]

describe('WB-11 a server does not start', () => {
  const start = (change: Partial<Route>) => () =>
    serve(
      { healthz: { ...health, ...change } },
      handlers(() => ({})),
      options,
    )

  test.each<[string, Partial<Route>, string]>([
    ['with a route of which nobody says who may call it', { auth: '' as never }, 'no rule'],
    ['with a session route that names no role', { auth: 'session' }, 'must name roles'],
    [
      'with roles on a route that asks for no session',
      { roles: ['principal'] },
      'must name',
    ],
    ['with a change that nobody signs', { effect: 'enters' }, 'nobody signed'],
    [
      'with a change that a session authorises',
      { effect: 'enters', auth: 'session', roles: ['principal'], body: json },
      'nobody signed',
    ],
  ])('%s', (_, change, why) => {
    expect(start(change)).toThrow(why)
  })

  test('with a route that nothing answers, or an answer without a route', () => {
    expect(() => serve({ healthz: health }, {}, options)).toThrow('no handler')
    expect(() =>
      serve(
        {},
        handlers(() => ({})),
        options,
      ),
    ).toThrow('no route')
  })

  test('but otherwise it does', async () => {
    const app = start({})()
    expect((await app.request('/healthz')).status).toBe(200)
  })
})

test('a broken promise is a 500 that tells the caller nothing of itself', async () => {
  const faults: unknown[] = []
  const app = serve(
    { healthz: health },
    handlers(() => {
      throw new Error('corrupt store: secret detail')
    }),
    { ...options, log: (_, fault) => void faults.push(fault) },
  )
  const response = await app.request('/healthz')
  const text = await response.text()
  expect(response.status).toBe(500)
  expect(JSON.parse(text)).toMatchObject({ code: 'internal_error' })
  expect(text).not.toContain('secret detail')
  expect(faults).toMatchObject([{ message: 'corrupt store: secret detail' }])
})

test('S-01 a store that its disk has closed is a 503, to be asked again', async () => {
  const app = serve(
    { healthz: health },
    handlers(() => {
      throw new StorageFailed('the store is closed until its disk works again')
    }),
    options,
  )
  const response = await app.request('/healthz')
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ code: 'outcome_unknown' })
})

test('a refusal that nobody explains is a 500 as well', async () => {
  const app = serve(
    { healthz: health },
    { healthz: async () => ({ ok: false, error: { code: 'because' } }) },
    options,
  )
  expect((await app.request('/healthz')).status).toBe(500)
})
