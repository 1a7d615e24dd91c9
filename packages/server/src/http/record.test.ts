import type { EntriesAnswer } from '@halligan/contract'
import { routes, verbs } from '@halligan/contract'
import type { ActBody, Commitment, Envelope, Verb } from '@halligan/core'
import { base64url, payloadDigest, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  blobOf,
  call,
  newGrant,
  Person,
  signerOf,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'
import { readKeys } from '../keys.ts'

let server: TestServer
let ada: Person
let cy: Person
let mallory: Person

beforeAll(async () => {
  server = await startServer()
  ada = await Person.at(server.url, 'ada')
  cy = await Person.at(server.url, 'cy')
  mallory = await Person.at(server.url, 'mallory')
})
afterAll(async () => await server.stop())

async function entriesAfter(index: number) {
  const { body } = await cy.get<EntriesAnswer>(`/v1/entries?after=${index}&limit=200`)
  return body.items
}

const lastIndex = async () => {
  const { body } = await cy.get<{ size: number }>('/v1/status')
  return body.size - 1
}

const digest = `sha256:${'0'.repeat(64)}` as Commitment
const sealTo = {
  kty: 'OKP',
  crv: 'X25519',
  x: base64url.encode(new Uint8Array(32).fill(9)),
} as const

/** Well-formed acts that say nothing lawful: mallory stands in no group, and there is no such grant. */
const bodies: { [V in Exclude<Verb, 'request'>]: ActBody[V] } = {
  approve: {},
  deny: {},
  withdraw: {},
  activate: { sealTo },
  revoke: {},
  return: {},
  reveal: { target: 'payments-pg', sealTo },
  attest: { target: 'payments-pg', noteCommitment: digest },
  review: {
    finding: 'justified',
    evidenceDigest: digest,
    followUps: [],
    noteCommitment: digest,
  },
  open_incident: {
    incident: 'inc-none',
    severity: 1,
    systems: ['payments-db'],
    titleCommitment: digest,
  },
  close_incident: { incident: 'inc-none' },
  propose_policy: { bundleDigest: digest },
  approve_policy: { bundleDigest: digest },
  invite: { person: 'eve' as never, kind: 'human', owner: null, codeDigest: digest },
}

const aboutGrants: readonly Verb[] = [
  'approve',
  'deny',
  'withdraw',
  'activate',
  'revoke',
  'return',
  'reveal',
  'attest',
  'review',
]
const overTerms: readonly Verb[] = ['approve', 'deny', 'activate']

describe('AU-08 every refusal of a signed act is an entry', () => {
  test.each(verbs.filter((verb) => verb !== 'request'))('%s', async (verb) => {
    const before = await lastIndex()
    const about = {
      ...(aboutGrants.includes(verb) ? { grant: newGrant() } : {}),
      ...(overTerms.includes(verb) ? { termsDigest: digest } : {}),
    }
    const nonce = 'A'.repeat(72)
    const act = mallory.sign(
      verb,
      bodies[verb as keyof typeof bodies] as never,
      nonce,
      about,
    )
    const bundle = verb === 'propose_policy' ? { bundle: { 'estate.yaml': '' } } : {}
    const told = await call(server.url, 'POST', `/v1/acts/${verb}`, {
      act,
      blobs: [],
      ...bundle,
    })
    expect(told.status).toBeGreaterThanOrEqual(400)
    const { code } = told.body
    const [entry, ...more] = await entriesAfter(before)
    expect(more).toEqual([])
    expect(entry?.entry).toMatchObject({
      kind: 'refused',
      subject: 'principal/mallory',
      actor: 'mallory',
      code,
      verb,
      actDigest: payloadDigest(nodeCrypto, act),
    })
  })
})

/** What each other route that enters does, and the kind of entry that its success leaves. */
const others: Record<string, () => Promise<string>> = {
  redeem: async () => {
    const code = 'a-single-use-code-of-eve'
    const codeDigest = `sha256:${Buffer.from(nodeCrypto.sha256(Buffer.from(code))).toString('hex')}`
    const invited = await cy.act('invite', {
      person: 'eve' as never,
      kind: 'human',
      owner: null,
      codeDigest: codeDigest as Commitment,
    })
    expect(invited.status).toBe(200)
    const pub = base64url.encode(signerOf('eve').publicKey)
    const body = { code, principal: 'eve', pub }
    const told = await call(server.url, 'POST', '/v1/invitations/redeem', body)
    expect(told.status).toBe(200)
    const other = { ...body, pub: base64url.encode(signerOf('mallory').publicKey) }
    const again = await call(server.url, 'POST', '/v1/invitations/redeem', other)
    expect(again).toMatchObject({ status: 403, body: { code: 'bad_invitation' } })
    return 'key_proposed'
  },
  incident_webhook: async () => {
    const body = JSON.stringify({
      type: 'incident.opened',
      timestamp: new Date().toISOString(),
      data: { incident: 'inc-hook', severity: 2, systems: ['payments-db'], title: 'slow' },
    })
    const at = new Date()
    const signature = new Webhook(readKeys(server.dir).incidentSecret).sign('m1', at, body)
    const headers = {
      'webhook-id': 'm1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    }
    const path = '/v1/webhooks/incidents'
    const forged = { ...headers, 'webhook-signature': 'v1,AAAA' }
    expect(await call(server.url, 'POST', path, body, forged)).toMatchObject({
      status: 401,
      body: { code: 'bad_webhook' },
    })
    expect(await call(server.url, 'POST', path, body, headers)).toMatchObject({
      status: 200,
    })
    return 'incident_opened'
  },
  receipt: async () => {
    const stranger = blobOf('role hg_stranger')
    const receipt = sealEnvelope(
      payloadTypes.receipt,
      {
        type: 'halligan/receipt/v1',
        estate: 'example',
        enforcer: 'enf-payments',
        seq: 0,
        prevReceiptDigest: null,
        orderDigest: null,
        orderIndex: null,
        grant: null,
        target: 'payments-pg',
        checkpointSeen: null,
        at: Date.now(),
        detail: { kind: 'drifted', what: 'role', object: stranger.commitment },
      },
      signerOf('enf-payments'),
    )
    const told = await call<{ proof: string }>(
      server.url,
      'POST',
      '/v1/enforcer/receipts',
      { receipt, blobs: [stranger] },
    )
    expect(told.status).toBe(200)
    expect(told.body.proof).toContain('c2sp.org/tlog-proof@v1')
    return 'drift'
  },
  accept_roster: async () => {
    const { body } = await call<{ rosters: Envelope[] }>(server.url, 'GET', '/v1/rosters')
    const [first] = body.rosters
    if (first === undefined) throw new Error('no roster')
    const roster = JSON.parse(Buffer.from(first.payload, 'base64').toString())
    const next = { ...roster, version: 2, prevDigest: server.digest }
    const one = sealEnvelope(payloadTypes.roster, next, signerOf('bob'))
    expect(await call(server.url, 'POST', '/v1/rosters', { roster: one })).toMatchObject({
      status: 403,
      body: { code: 'too_few_trustees' },
    })
    const two = sealEnvelope(payloadTypes.roster, next, signerOf('bob'), signerOf('dee'))
    expect(await call(server.url, 'POST', '/v1/rosters', { roster: two })).toMatchObject({
      status: 200,
    })
    return 'roster_accepted'
  },
}

describe('AU-08 every route that changes something leaves an entry', () => {
  const entering = Object.entries(routes).filter(
    ([, { effect, auth }]) => effect === 'enters' && auth !== 'act',
  )

  test.each(entering.map(([id]) => id))('%s', async (id) => {
    const before = await lastIndex()
    const kind = await others[id]?.()
    const kinds = (await entriesAfter(before)).map(({ entry }) => entry.kind)
    expect(kinds).toContain(kind)
  })
})

test('TM-07 a back-dated act is entered at the time of the server', async () => {
  const title = blobOf('payments are down')
  const prepared = await ada.post<{ nonce: string }>('/v1/prepare', {
    verb: 'open_incident',
  })
  const body = {
    incident: 'inc-tm',
    severity: 1,
    systems: ['payments-db'],
    titleCommitment: title.commitment,
  }
  const act = ada.sign('open_incident', body, prepared.body.nonce, {}, { at: 1 })
  const [before, started] = [await lastIndex(), Date.now()]
  const told = await call(server.url, 'POST', '/v1/acts/open_incident', {
    act,
    blobs: [title],
  })
  expect(told.status).toBe(200)
  const entries = await entriesAfter(before)
  const opened = entries.find(({ entry }) => entry.kind === 'incident_opened')
  expect(opened?.entry.at).toBeGreaterThanOrEqual(started)
})

test('the same act again gets the first answer, and another Idempotency-Key none', async () => {
  const title = blobOf('twice')
  const prepared = await ada.post<{ nonce: string }>('/v1/prepare', {
    verb: 'open_incident',
  })
  const body = {
    incident: 'inc-twice',
    severity: 1,
    systems: ['payments-db'],
    titleCommitment: title.commitment,
  }
  const act = ada.sign('open_incident', body, prepared.body.nonce)
  const send = (key: string) =>
    call(
      server.url,
      'POST',
      '/v1/acts/open_incident',
      { act, blobs: [title] },
      {
        'idempotency-key': key,
      },
    )
  expect(await send('something')).toMatchObject({
    status: 422,
    body: { code: 'idempotency_mismatch' },
  })
  const bent = { ...act, payload: 'QR==' }
  expect(
    await call(
      server.url,
      'POST',
      '/v1/acts/open_incident',
      { act: bent, blobs: [] },
      {
        'idempotency-key': 'something',
      },
    ),
  ).toMatchObject({ status: 422 })
  const first = await send(payloadDigest(nodeCrypto, act))
  expect(first.status).toBe(200)
  const again = await send(`"${payloadDigest(nodeCrypto, act)}"`)
  expect(again.body).toEqual(first.body)
})
