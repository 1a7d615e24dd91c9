import type { GrantAnswer, SyncAnswer } from '@halligan/contract'
import type { EndOrder, GrantId, Terms } from '@halligan/core'
import {
  base64url,
  payloadTypes,
  sealEnvelope,
  verifyCaseFile,
  verifyGrant,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bearer,
  blobOf,
  call,
  newGrant,
  Person,
  signerOf,
  startServer,
  type TestServer,
  termsDigestOf,
} from '../../test/http-kit.ts'

let server: TestServer
let ada: Person
let bob: Person

/** Bob may ask as well as approve, so that he can try both on one grant. */
const leadsOnCall = (file: string, text: string) =>
  file === 'estate.yaml' ? text.replace(/(payments-oncall: )\[ada\]/, '$1[ada, bob]') : text

beforeAll(async () => {
  server = await startServer({}, leadsOnCall)
  ada = await Person.at(server.url, 'ada')
  bob = await Person.at(server.url, 'bob')
})
afterAll(async () => await server.stop())

const sealTo = {
  kty: 'OKP',
  crv: 'X25519',
  x: base64url.encode(new Uint8Array(32).fill(9)),
} as const

async function openIncident(id: string) {
  const title = blobOf('payments are down')
  return await ada.act(
    'open_incident',
    {
      incident: id,
      severity: 1,
      systems: ['payments-db'],
      titleCommitment: title.commitment,
    },
    {},
    { blobs: [title] },
  )
}

async function request(by: Person, id: GrantId, incident: string) {
  const reason = blobOf('stuck payouts')
  const prepared = await by.post<{ nonce: string; terms: Terms }>('/v1/prepare', {
    verb: 'request',
    grant: id,
    entitlement: 'payments-db-repair',
    incident,
    route: 'quorum',
    lifeSeconds: 600,
    reasonCommitment: reason.commitment,
  })
  const { terms } = prepared.body
  const termsDigest = termsDigestOf(terms)
  const act = by.sign('request', { terms }, prepared.body.nonce, {
    grant: id,
    termsDigest,
  })
  const told = await call(server.url, 'POST', '/v1/acts/request', { act, blobs: [reason] })
  return { told, terms, termsDigest, act }
}

const sync = async (beaconNonce: string): Promise<SyncAnswer> => {
  const statement = {
    type: 'halligan/sync/v1',
    estate: 'example',
    enforcer: 'enf-payments',
    checkpointSeen: null,
    generation: 0,
    beaconNonce,
    at: Date.now(),
  }
  const envelope = sealEnvelope(payloadTypes.sync, statement, signerOf('enf-payments'))
  const told = await call<SyncAnswer>(server.url, 'POST', '/v1/enforcer/sync', {
    sync: envelope,
  })
  expect(told.status).toBe(200)
  return told.body
}

describe('AP-01 over the API', () => {
  test('an approver who asks cannot approve what he asked for, and nothing is counted', async () => {
    await openIncident('inc-own')
    const grant = newGrant()
    const { told, termsDigest } = await request(bob, grant, 'inc-own')
    expect(told).toMatchObject({ status: 200, body: { phase: 'pending' } })
    const own = await bob.act('approve', {}, { grant, termsDigest })
    expect(own).toMatchObject({ status: 403, body: { code: 'own_request' } })
    const { body } = await bob.get<GrantAnswer>(`/v1/grants/${grant}`)
    expect(body.grant).toMatchObject({ phase: 'pending', approvers: [] })
  })
})

describe('one emergency over HTTP', () => {
  const grant = newGrant()

  test('runs from request to an order that an enforcer can verify by itself', async () => {
    expect(await openIncident('inc-1')).toMatchObject({ status: 200 })
    const { told, termsDigest } = await request(ada, grant, 'inc-1')
    expect(told).toMatchObject({ status: 200, body: { grant, phase: 'pending' } })
    const about = { grant, termsDigest }

    const approved = await bob.act('approve', {}, about)
    expect(approved).toMatchObject({ status: 200, body: { phase: 'approved' } })
    const activated = await ada.act('activate', { sealTo }, about)
    expect(activated).toMatchObject({ status: 200, body: { phase: 'active' } })

    const beaconNonce = base64url.encode(new Uint8Array(16).fill(3))
    const state = await sync(beaconNonce)
    expect(state).toMatchObject({ opens: [{}], ends: [], reseals: [] })
    const { rosters, checkpoint, consistency, beacon, opens } = state
    const [open] = opens
    if (open === undefined) throw new Error('nothing to open')
    const verdict = verifyGrant(
      nodeCrypto,
      { rosters, checkpoint, consistency, beacon, ...open },
      { estate: 'example', rosterDigest: server.digest, checkpointSeen: null },
      {
        enforcer: 'enf-payments',
        targets: {
          'payments-pg': {
            entitlements: ['payments-db-repair'],
            privileges: ['role:payments_repair'],
            routes: { quorum: { minApprovals: 1 } },
            approverGroup: 'payments-leads',
            maxLifeSeconds: 3600,
            owners: ['bob'],
          },
        },
      },
      {
        beaconNonce,
        roundTripMillis: 5,
        wallNow: Date.now() as never,
        localState: 'none',
        fence: null,
      },
    )
    expect(verdict).toMatchObject({ failures: [] })
  })

  test('ends by a revocation that reaches the enforcer', async () => {
    const { body } = await bob.get<GrantAnswer>(`/v1/grants/${grant}`)
    const about = { grant, termsDigest: body.grant.termsDigest }
    const revoked = await bob.act('revoke', {}, about)
    expect(revoked).toMatchObject({ status: 200, body: { phase: 'revoked' } })
    const state = await sync(base64url.encode(new Uint8Array(16).fill(4)))
    expect(state).toMatchObject({ opens: [], ends: [{ proof: {} }] })
  })

  test('leaves a case file that proves itself to whoever holds the roster digest', async () => {
    const response = await fetch(`${server.url}/v1/grants/${grant}/case`, {
      headers: bearer(bob.token),
    })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const report = verifyCaseFile(nodeCrypto, bytes, server.digest)
    expect(report).toMatchObject({ verdict: 'proven', failures: [] })
  })
})

describe('in SAFE MODE, with the evidence contradicted', () => {
  test('nothing opens, and an end still reaches its enforcer', async () => {
    const grant = newGrant()
    const { termsDigest } = await request(ada, grant, 'inc-1')
    const about = { grant, termsDigest }
    await bob.act('approve', {}, about)
    expect(await ada.act('activate', { sealTo }, about)).toMatchObject({ status: 200 })
    await openIncident('inc-2')
    const second = newGrant()
    const its = {
      grant: second,
      termsDigest: (await request(ada, second, 'inc-2')).termsDigest,
    }
    await bob.act('approve', {}, its)
    expect(await ada.act('activate', { sealTo }, its)).toMatchObject({ status: 200 })
    server.inside().ledger.safeMode.enter('fork', 'for this test')

    const other = newGrant()
    const { told } = await request(ada, other, 'inc-1')
    expect(told).toMatchObject({ status: 503, body: { code: 'safe_mode' } })
    const before = await sync(base64url.encode(new Uint8Array(16).fill(5)))
    expect(before).toMatchObject({ opens: [], reseals: [] })

    const byMallory = (await Person.at(server.url, 'mallory')).act('revoke', {}, about)
    expect(await byMallory).toMatchObject({ status: 503, body: { code: 'journalled' } })
    const unheard = await sync(base64url.encode(new Uint8Array(16).fill(6)))
    expect(endsOf(unheard, grant)).toEqual([])

    const byBob = await bob.act('revoke', {}, about)
    expect(byBob).toMatchObject({ status: 503, body: { code: 'journalled' } })
    const after = await sync(base64url.encode(new Uint8Array(16).fill(7)))
    expect(endsOf(after, grant)).toMatchObject([{ op: 'end', cause: 'revoked' }])
    expect(endsOf(after, second)).toEqual([])
    await ada.act('close_incident', { incident: 'inc-2' })
    const closed = await sync(base64url.encode(new Uint8Array(16).fill(8)))
    expect(endsOf(closed, second)).toMatchObject([{ op: 'end', cause: 'incident_closed' }])
    expect(await call(server.url, 'GET', '/healthz')).toMatchObject({
      body: { live: true, ready: false, safeMode: ['fork'] },
    })
  })

  const endsOf = ({ ends }: SyncAnswer, grant: GrantId) =>
    ends
      .map(
        ({ order }) =>
          JSON.parse(Buffer.from(order.payload, 'base64').toString()) as EndOrder,
      )
      .filter((order) => order.grant === grant)
})
