import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  blobOf,
  laneOf,
  must,
  type Name,
  openEstate,
  sign,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  activeGrant,
  declareIncident,
  entriesOf,
  phaseOf,
  refusalsOf,
  request,
  workOff,
} from '../../test/flow-kit.ts'
import { createNet } from '../node-ports.ts'
import { webhookSink } from '../notify/webhook.ts'
import { closeIncident } from './close-incident.ts'
import { incidentFromWebhook } from './incident-webhook.ts'
import { openIncident } from './open-incident.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
})
afterEach(() => estate.close())

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`

type Said = Readonly<{ type: string; data: Readonly<Record<string, unknown>> }>

/** The message as a source sends it; `lie` is what mallory changes on the way. */
const message = (
  said: Said,
  lie: Partial<Record<'id' | 'timestamp' | 'signature' | 'body', string>> = {},
) => {
  const now = estate.deps.clock.now()
  const body = JSON.stringify({ timestamp: new Date(now).toISOString(), ...said })
  const id = `msg-${said.type}-${said.data.incident}`
  const signature = new Webhook(secret).sign(id, new Date(now), body)
  return { id, timestamp: String(Math.floor(now / 1000)), signature, body, ...lie }
}

const opened: Said = {
  type: 'incident.opened',
  data: { incident: 'pd-7', severity: 2, systems: ['payments-db'], title: 'down \u202e' },
}
const closed: Said = { type: 'incident.closed', data: { incident: 'pd-7' } }

const send = (said: Said, lie = {}) =>
  incidentFromWebhook(estate.deps, secret, message(said, lie))

describe('a signed webhook', () => {
  test('opens an incident under which access can be asked for', async () => {
    must(await send(opened))
    const incident = estate.deps.view().incident('pd-7')
    expect(incident).toMatchObject({ source: 'webhook', severity: 2, closedAt: null })
    const { grant } = await request(estate, { incident: 'pd-7' })
    expect(phaseOf(estate, grant)).toBe('pending')
    expect(estate.deps.view().blob(incident?.titleCommitment ?? 'sha256:')).toMatchObject({
      text: 'down \u202e',
    })
  })

  test('sent twice says one thing once', async () => {
    const first = must(await send(opened))
    expect(must(await send(opened))).toEqual(first)
    expect(entriesOf(estate, 'incident/pd-7')).toHaveLength(1)
  })

  test('closes what it opened and ends what stood on it', async () => {
    must(await send(opened))
    const { grant } = await activeGrant(estate, { incident: 'pd-7' })
    must(await send(closed))
    expect(phaseOf(estate, grant)).toBe('revoked')
  })

  test('closes no incident that a person opened', async () => {
    await declareIncident(estate, 'pd-7')
    expect(await send(closed)).toMatchObject({ error: { code: 'unknown_incident' } })
  })

  test.each([
    ['another body', { body: '{"type":"incident.opened"}' }],
    ['another id', { id: 'msg-other' }],
    ['an old timestamp', { timestamp: '1700000000' }],
    ['a timestamp that is none', { timestamp: '17e8' }],
    ['no signature', { signature: '' }],
    ['a signature of another kind', { signature: 'v1a,AAAA' }],
  ])('with %s is refused, and only counted', async (_, lie) => {
    const size = estate.deps.view().head().size
    expect(await send(opened, lie)).toMatchObject({ error: { code: 'bad_webhook' } })
    expect(estate.deps.view().head().size).toBe(size)
    expect(estate.deps.refusals.drain()).toEqual(new Map([['bad_webhook', 1]]))
  })
})

describe('a person', () => {
  const open = async (by: Name, systems = ['payments-db']) => {
    const title = blobOf('everything burns')
    const body = {
      incident: 'inc-5',
      severity: 1,
      systems,
      titleCommitment: title.commitment,
    }
    return await openIncident(
      estate.deps,
      await sign(estate, by, 'open_incident', { body, blobs: [title] }),
    )
  }
  const close = async (by: Name, incident = 'inc-5') =>
    await closeIncident(
      estate.deps,
      await sign(estate, by, 'close_incident', { body: { incident } }),
    )

  test('opens one only where the policy permits, for every system named', async () => {
    expect(await open('mallory')).toMatchObject({ error: { code: 'not_allowed' } })
    expect(refusalsOf(estate, 'mallory')).toEqual(['not_allowed'])
    must(await open('ada'))
    expect(await open('ada')).toMatchObject({ error: { code: 'incident_exists' } })
  })

  test.each(['ada', 'dee'] as const)(
    '%s is told the name that no estate knows',
    async (by) => {
      expect(await open(by, ['payments-db', 'nope'])).toEqual({
        ok: false,
        error: { code: 'unknown_system', system: 'nope', systems: ['payments-db'] },
      })
      expect(refusalsOf(estate, by)).toEqual(['unknown_system'])
    },
  )

  test('closes what a source opened for a system unknown here, given the whole estate', async () => {
    must(await send({ ...opened, data: { ...opened.data, systems: ['nope'] } }))
    expect(await close('ada', 'pd-7')).toMatchObject({ error: { code: 'not_allowed' } })
    must(await close('dee', 'pd-7'))
  })

  test('closes it once', async () => {
    must(await open('ada'))
    expect(await close('mallory')).toMatchObject({ error: { code: 'not_allowed' } })
    must(await close('bob'))
    expect(await close('bob')).toMatchObject({ error: { code: 'incident_closed' } })
    expect(await close('cy', 'inc-404')).toMatchObject({ ok: false })
  })

  test('and what stood on another incident goes on', async () => {
    must(await open('ada'))
    await declareIncident(estate, 'inc-6')
    const { grant } = await activeGrant(estate, { incident: 'inc-6' })
    must(await close('ada'))
    expect(phaseOf(estate, grant)).toBe('active')
  })
})

test('a notice arrives as one signed message that holds ids and no text', async () => {
  const received: { headers: Record<string, string>; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  try {
    const { port } = server.address() as AddressInfo
    const net = createNet(new Set(['127.0.0.1']))
    const clock = { now: () => Date.now() as ReturnType<typeof estate.deps.clock.now> }
    const url = `http://127.0.0.1:${port}/hook`
    const deps = {
      ...estate.deps,
      lanes: [laneOf(webhookSink({ url, secret, net, clock }))],
    }
    await declareIncident(estate)
    await request(estate, { reason: 'the reason stays inside' })
    await workOff({ ...estate, deps })
    expect(received).toHaveLength(2)
    for (const { headers, body } of received) {
      expect(new Webhook(secret).verify(body, headers)).toMatchObject({
        type: 'halligan.approval_wanted',
        data: { requester: 'ada', urgency: 'page' },
      })
      expect(body).not.toContain('the reason')
    }
    expect(estate.deps.view().notices({ undelivered: true }, 10)).toEqual([])
  } finally {
    server.close()
  }
})
