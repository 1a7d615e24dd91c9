import type { SyncAnswer } from '@halligan/contract'
import type { Envelope, Roster } from '@halligan/core'
import { base64url, payloadTypes, sealEnvelope, vkeyOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  activeGrant,
  bearer,
  call,
  Person,
  sessionStatement,
  signerOf,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'
import { readIdentity } from '../identity.ts'
import { readKeys } from '../keys.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => await server.stop())

const nextOrigin = 'example.halligan/log/e2'

/** Version 2, which closes the log where it stands and opens the next. */
async function closingRoster(): Promise<Roster> {
  const { body } = await call<{ rosters: Envelope[] }>(server.url, 'GET', '/v1/rosters')
  const [first] = body.rosters
  if (first === undefined) throw new Error('no roster')
  const roster = JSON.parse(Buffer.from(first.payload, 'base64').toString()) as Roster
  const { size, root } = server.inside().ledger.writer.frontier().head
  const { publicKey } = readKeys(server.dir).log
  const vkey = vkeyOf(nodeCrypto, nextOrigin, publicKey)
  const closed = roster.logs.map((log) => ({ ...log, toSize: size, toRoot: root }))
  const logs = [...closed, { origin: nextOrigin, vkey, fromSize: size }]
  return { ...roster, version: 2, prevDigest: server.digest, logs }
}

test('the trustees lead out of SAFE MODE, and the server goes on where it was', async () => {
  const ada = await Person.at(server.url, 'ada')
  const bob = await Person.at(server.url, 'bob')
  const about = await activeGrant(ada, bob)
  const before = server.inside().ledger.writer.frontier().head.size
  server.inside().ledger.safeMode.enter('fork', 'for this test')
  expect(await bob.act('revoke', {}, about)).toMatchObject({ body: { code: 'journalled' } })
  const roster = await closingRoster()

  const byOne = sealEnvelope(payloadTypes.roster, roster, signerOf('bob'))
  const refused = await call(server.url, 'POST', '/v1/rosters', { roster: byOne })
  expect(refused).toMatchObject({ status: 403, body: { code: 'too_few_trustees' } })

  const signed = sealEnvelope(payloadTypes.roster, roster, signerOf('bob'), signerOf('dee'))
  const left = await call(server.url, 'POST', '/v1/rosters', { roster: signed })
  expect(left).toMatchObject({ status: 200, body: { version: 2 } })
  expect(await call(server.url, 'GET', '/healthz')).toMatchObject({
    body: { ready: true, safeMode: [] },
  })
  expect(readIdentity(server.dir)).toMatchObject({ origin: nextOrigin })

  // Sessions, like nonces, are of one life of the log.
  expect(await ada.get('/v1/status')).toMatchObject({ status: 401 })
  const challenged = await call<{ challenge: string }>(
    server.url,
    'POST',
    '/v1/session/challenge',
    { principal: 'ada' },
  )
  const session = sessionStatement('ada', signerOf('ada'), challenged.body.challenge, {
    origin: nextOrigin,
  })
  const opened = await call<{ token: string }>(server.url, 'POST', '/v1/session', {
    session,
  })
  const status = await call<{ size: number; origin: string }>(
    server.url,
    'GET',
    '/v1/status',
    undefined,
    bearer(opened.body.token),
  )
  expect(status.body.origin).toBe(nextOrigin)
  expect(status.body.size).toBeGreaterThan(before)

  const beaconNonce = base64url.encode(new Uint8Array(16).fill(1))
  const statement = {
    type: 'halligan/sync/v1',
    estate: 'example',
    enforcer: 'enf-payments',
    checkpointSeen: null,
    generation: 0,
    beaconNonce,
    at: Date.now(),
  }
  const sync = sealEnvelope(payloadTypes.sync, statement, signerOf('enf-payments'))
  const state = await call<SyncAnswer>(server.url, 'POST', '/v1/enforcer/sync', { sync })
  expect(state).toMatchObject({
    status: 200,
    body: { consistency: null, rosters: [{}, {}], opens: [] },
  })
  // The end that the old log could not take is still owed to its enforcer.
  const ends = state.body.ends.map(({ order }) =>
    JSON.parse(Buffer.from(order.payload, 'base64').toString()),
  )
  expect(ends).toMatchObject([{ op: 'end', grant: about.grant }])
})
