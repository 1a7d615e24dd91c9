import type { GrantId, Terms } from '@halligan/core'
import { base64url } from '@halligan/ledger'
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
  termsDigestOf,
} from '../../test/http-kit.ts'

let server: TestServer
let ada: Person
let bob: Person

beforeAll(async () => {
  server = await startServer()
  ada = await Person.at(server.url, 'ada')
  bob = await Person.at(server.url, 'bob')
  const title = blobOf('payments are down')
  await ada.act(
    'open_incident',
    {
      incident: 'inc-1',
      severity: 1,
      systems: ['payments-db'],
      titleCommitment: title.commitment,
    },
    {},
    { blobs: [title] },
  )
})
afterAll(async () => await server.stop())

async function requested(grant: GrantId) {
  const reason = blobOf('stuck payouts')
  const prepared = await ada.post<{ nonce: string; terms: Terms }>('/v1/prepare', {
    verb: 'request',
    grant,
    entitlement: 'payments-db-repair',
    incident: 'inc-1',
    route: 'quorum',
    lifeSeconds: 600,
    reasonCommitment: reason.commitment,
  })
  const { terms, nonce } = prepared.body
  const about = { grant, termsDigest: termsDigestOf(terms) }
  const act = ada.sign('request', { terms }, nonce, about)
  await call(server.url, 'POST', '/v1/acts/request', { act, blobs: [reason] })
  return about
}

type Heard = Readonly<{ id: string; event: string; data: string }>

/** The events of a stream, as they come. Stop it by `return`. */
async function* listenTo(
  path: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): AsyncGenerator<Heard> {
  const stop = new AbortController()
  const response = await fetch(`${server.url}${path}`, {
    headers: { ...bearer(token), ...headers },
    signal: stop.signal,
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk)
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      yield* blocks.filter((block) => !block.startsWith(':')).map(heardIn)
    }
  } finally {
    stop.abort()
  }
}

const heardIn = (block: string): Heard => {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
  return { id: field('id'), event: field('event'), data: field('data') }
}

const next = async (events: AsyncGenerator<Heard>): Promise<Heard> => {
  const { value, done } = await events.next()
  if (done) throw new Error('the stream has ended')
  return value
}

describe('the events of a grant', () => {
  test('come as entries become durable, and resume after the last one heard', async () => {
    const grant = newGrant()
    const about = await requested(grant)
    const events = listenTo(`/v1/grants/${grant}/events`, bob.token)
    expect(await next(events)).toMatchObject({ event: 'requested' })
    const ruled = await next(events)
    expect(ruled).toMatchObject({ event: 'ruled' })

    await bob.act('approve', {}, about)
    expect(await next(events)).toMatchObject({ event: 'approval_given' })
    await events.return(undefined)

    const resumed = listenTo(`/v1/grants/${grant}/events`, bob.token, {
      'last-event-id': ruled.id,
    })
    const given = await next(resumed)
    expect(given).toMatchObject({ event: 'approval_given' })
    expect(JSON.parse(given.data)).toMatchObject({ entry: { by: 'bob' } })
    await resumed.return(undefined)
  })

  test('of nobody are refused', async () => {
    expect(await bob.get(`/v1/grants/${newGrant()}/events`)).toMatchObject({
      status: 404,
      body: { code: 'unknown_grant' },
    })
  })

  test('WB-14 one caller cannot hold every connection', async () => {
    const grant = newGrant()
    await requested(grant)
    const path = `/v1/grants/${grant}/events`
    const held = Array.from({ length: 16 }, () => listenTo(path, ada.token))
    await Promise.all(held.map(next))
    expect(await ada.get(path)).toMatchObject({
      status: 429,
      body: { code: 'too_many_requests' },
    })
    const bobs = listenTo(path, bob.token)
    expect(await next(bobs)).toMatchObject({ event: 'requested' })
    await Promise.all([bobs, ...held].map((events) => events.return(undefined)))
    const free = async () => {
      const again = listenTo(path, ada.token)
      const heard = await next(again)
      await again.return(undefined)
      return heard.event
    }
    await expect.poll(free, { timeout: 5000 }).toBe('requested')
  })
})

describe('the generations of an enforcer', () => {
  test('wake it when there is an order for it, and not before', async () => {
    const token = await sessionOf(server.url, 'enforcer/enf-payments')
    const grant = newGrant()
    const about = await requested(grant)
    const events = listenTo('/v1/enforcer/stream', token)
    const first = await next(events)
    expect(first).toMatchObject({ event: 'generation' })
    await bob.act('approve', {}, about)
    const x = base64url.encode(new Uint8Array(32).fill(9))
    const activated = await ada.act(
      'activate',
      { sealTo: { kty: 'OKP', crv: 'X25519', x } },
      about,
    )
    expect(activated.status).toBe(200)
    const woken = await next(events)
    const { generation } = JSON.parse(woken.data)
    // The approval alone moved the frontier too, and woke nobody.
    expect(generation).toBeGreaterThan(JSON.parse(first.data).generation + 2)
    await events.return(undefined)
  })

  test('are not for people', async () => {
    expect(await ada.get('/v1/enforcer/stream')).toMatchObject({
      status: 403,
      body: { code: 'wrong_role' },
    })
  })
})

test('a server that stops ends its streams first, and waits for none of them', async () => {
  const other = await startServer()
  const token = await sessionOf(other.url, 'enforcer/enf-payments')
  const response = await fetch(`${other.url}/v1/enforcer/stream`, {
    headers: bearer(token),
  })
  const whole = response.text()
  const started = performance.now()
  await other.stop()
  expect(await whole).toContain('event: generation')
  expect(performance.now() - started).toBeLessThan(2500)
})
