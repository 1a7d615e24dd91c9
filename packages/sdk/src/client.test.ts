import type { Digest, Envelope, Json, PrincipalId, Terms } from '@halligan/core'
import { digestOf, payloadDigest, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto as crypto, generateSigner } from '@halligan/ledger/node'
import { beforeEach, describe, expect, test } from 'vitest'
import { deviceKey } from './authenticator.ts'
import { type Client, createClient, type Text } from './client.ts'
import type { PrivateSealKey } from './sealed.ts'
import { estate, grantId, now, PaperServer, paperText, target } from './testing-server.ts'
import type { Trust } from './trust.ts'

let server: PaperServer
let trust: Trust
let client: Client
let reason: Text

/** A new run of the same person's program: what was believed stays, the connection does not. */
const again = (fetch: typeof globalThis.fetch = server.fetch) =>
  createClient({
    server: 'http://127.0.0.1:1',
    fetch,
    crypto,
    now: () => now,
    trust: {
      load: async () => trust,
      keep: async (next) => {
        trust = next
      },
    },
    authenticator: deviceKey('ada' as PrincipalId, server.ada),
  })

beforeEach(() => {
  server = new PaperServer()
  trust = { estate, rosterDigest: server.rosterDigest, rosters: [], checkpoint: null }
  client = again()
  reason = paperText('the batch is stuck')
})

const asked = () => ({
  grant: grantId,
  entitlement: 'payments-db-repair',
  route: 'quorum' as const,
  lifeSeconds: 900,
  incident: 'inc-1',
  reasonCommitment: reason.commitment,
})

async function request() {
  const prepared = await client.prepareRequest(asked())
  if (!prepared.ok) return prepared
  const { nonce, terms } = prepared.value
  const termsDigest = digestOf(crypto, terms)
  const act = await client.draft({
    verb: 'request',
    grant: grantId,
    termsDigest,
    nonce,
    body: { terms },
  })
  return client.submit(act, { blobs: [reason] })
}

const deceived = (code: string) => ({ ok: false, error: { kind: 'deceived', code } })

test('an honest server is believed, and what it proved is remembered', async () => {
  expect(await request()).toMatchObject({ ok: true, value: { grant: grantId, index: 1 } })
  expect(await again().checkpoint()).toMatchObject({
    ok: true,
    value: { head: { size: 2 } },
  })
  expect(trust.checkpoint?.size).toBe(2)
  expect(trust.rosters).toHaveLength(1)
})

test('INV-22 S-08 an act whose outcome is unknown is sent again, the same to the byte', async () => {
  const sent: unknown[] = []
  client = again(async (url, init) => {
    if (String(url).includes('/v1/acts/') && sent.push(init?.body) === 1)
      throw new TypeError('the connection broke')
    return server.fetch(url, init)
  })
  expect(await request()).toMatchObject({ ok: true, value: { grant: grantId } })
  expect([sent.length, new Set(sent).size]).toEqual([2, 1])
})

test('AP-22 one act is one signature, over that act alone', async () => {
  const sealed: Json[] = []
  const honest = deviceKey('ada' as PrincipalId, server.ada)
  const counting = createClient({
    server: 'http://127.0.0.1:1',
    fetch: server.fetch,
    crypto,
    now: () => now,
    trust: { load: async () => trust, keep: async () => undefined },
    authenticator: {
      ...honest,
      seal: (type, value) => {
        if (type === payloadTypes.act) sealed.push(value)
        return honest.seal(type, value)
      },
    },
  })
  client = counting
  await request()
  expect(sealed).toMatchObject([{ verb: 'request', grant: grantId }])
})

describe('INV-5 before anything is signed', () => {
  test.each<[string, (terms: Terms) => Terms]>([
    ['a longer life', (terms) => ({ ...terms, lifeSeconds: 3600 })],
    ['another entitlement', (terms) => ({ ...terms, entitlement: 'payments-db-admin' })],
    [
      'a route without approvers',
      (terms) => ({ ...terms, route: { name: 'solo', approvals: 0, groups: [] } }),
    ],
  ])('%s in the terms is refused', async (_, swap) => {
    server.lie<{ terms: Terms }>('prepare', (honest) => ({
      ...honest,
      terms: swap(honest.terms),
    }))
    expect(await request()).toMatchObject(deceived('terms_differ'))
    expect(server.entries).toHaveLength(1)
  })
})

describe('the roster', () => {
  const second = (by = server.bob) => server.signedRoster(2, server.rosterDigest, by)

  test('only moves forward', async () => {
    server.rosters.push(second())
    expect(await client.rosters()).toMatchObject({
      ok: true,
      value: { latest: { version: 2 } },
    })
    server.rosters.pop()
    expect(await again().rosters()).toMatchObject(deceived('roster_rolled_back'))
  })

  test('is not exchanged for another of the same height', async () => {
    server.rosters.push(second())
    await client.rosters()
    const { bob, log } = server
    server = new PaperServer()
    Object.assign(server, { bob, log })
    expect(await again().rosters()).toMatchObject(deceived('roster_untrusted'))
  })

  test('of strangers is not trusted', async () => {
    server.rosters.push(second(generateSigner().signer))
    expect(await client.rosters()).toMatchObject(deceived('roster_untrusted'))
  })

  test('that was accepted cannot be forked', async () => {
    server.rosters.push(second())
    await client.rosters()
    server.rosters[1] = server.signedRoster(2, server.rosterDigest, server.bob)
    const forked = {
      ...JSON.parse(atob(server.rosters[1].payload)),
      threshold: 1,
      people: [],
    }
    forked.people = JSON.parse(atob(server.rosters[1].payload)).people.slice(1)
    server.rosters[1] = sealEnvelope(payloadTypes.roster, forked, server.bob)
    expect(await again().rosters()).toMatchObject(deceived('roster_forked'))
  })
})

describe('the log', () => {
  beforeEach(async () => {
    await request()
  })

  test('never shrinks', async () => {
    server.lie('checkpoint', () => server.checkpoint(1))
    expect(await again().checkpoint()).toMatchObject(deceived('checkpoint_rolled_back'))
  })

  test('never has two roots for one size', async () => {
    server.entries[1] = server.append({ kind: 'denied', subject: 'x', actor: 'bob' })
    server.entries.pop()
    expect(await again().checkpoint()).toMatchObject(deceived('checkpoint_forked'))
  })

  test('never grows out of another past', async () => {
    server.entries[0] = server.append({
      kind: 'log_opened',
      subject: 'y',
      actor: 'mallory',
    })
    expect(await again().checkpoint()).toMatchObject(deceived('checkpoint_forked'))
  })

  test('is signed by the key that the roster names', async () => {
    const stranger = generateSigner().signer
    server.lie('checkpoint', () => server.checkpoint(2, stranger))
    expect(await again().checkpoint()).toMatchObject(deceived('checkpoint_unsigned'))
  })
})

describe('an act counts only once it is proven to stand in the log:', () => {
  test('an entry that the log does not hold', async () => {
    server.lie<Readonly<Record<string, Json>>>('entry_proof', (honest) => ({
      ...honest,
      entry: { ...(honest.entry as object), drill: true },
    }))
    expect(await request()).toMatchObject(deceived('entry_not_included'))
  })

  test('an entry of somebody else', async () => {
    const other = server.append({ kind: 'requested', subject: 'z', actor: 'mallory' })
    server.lie<Readonly<Record<string, Json>>>('act_request', (honest) => ({
      ...honest,
      entries: [{ index: 1, id: other.id, kind: 'requested' }],
    }))
    expect(await request()).toMatchObject(deceived('other_entry'))
  })

  test('an answer to another act', async () => {
    const act = `sha256:${'9'.repeat(64)}`
    server.lie<object>('act_request', (honest) => ({ ...honest, act }))
    expect(await request()).toMatchObject(deceived('other_entry'))
  })
})

describe('a grant is what its own entries make it:', () => {
  beforeEach(async () => {
    await request()
  })
  const swapTerms = (change: Partial<Terms>) => (honest: { grant: { terms: Terms } }) => ({
    ...honest,
    grant: { ...honest.grant, terms: { ...honest.grant.terms, ...change } },
  })

  test('the honest one', async () => {
    const read = await client.grant(grantId)
    expect(read).toMatchObject({ ok: true, value: { grant: { phase: 'requested' } } })
    expect(read.ok && read.value.texts.get(reason.commitment)).toBe(reason.text)
  })

  test('INV-5 swapped privileges are refused', async () => {
    const targets = [
      { target, enforcer: 'enf-payments', privileges: ['role:payments_admin'] },
    ]
    server.lie('grant', swapTerms({ targets }))
    expect(await client.grant(grantId)).toMatchObject(deceived('other_entry'))
  })

  test('a missing entry is noticed', async () => {
    server.activate(server.rosters[0] as Envelope, null)
    expect(await client.grant(grantId)).toMatchObject({ ok: true })
    server.lie<{ entries: { entry: { kind: string } }[] }>('grant', (honest) => ({
      ...honest,
      entries: honest.entries.filter(({ entry }) => entry.kind !== 'approved'),
    }))
    expect(await client.grant(grantId)).toMatchObject({
      ok: false,
      error: { code: 'other_entry', detail: expect.stringContaining('missing') },
    })
  })

  test('another text does not open its commitment', async () => {
    server.texts = [{ ...reason, text: 'nothing to see here' }]
    expect(await client.grant(grantId)).toMatchObject(deceived('commitment_not_opened'))
  })
})

describe('a credential is opened only after every check:', () => {
  let key: PrivateSealKey
  let sealTo: Json
  let act: Envelope

  beforeEach(async () => {
    await request()
    const pair = await globalThis.crypto.subtle.generateKey('X25519', true, ['deriveBits'])
    if (!('privateKey' in pair)) throw new Error('no X25519 here')
    const { x = '', d = '' } = await globalThis.crypto.subtle.exportKey(
      'jwk',
      pair.privateKey,
    )
    key = { kty: 'OKP', crv: 'X25519', x, d }
    sealTo = { kty: 'OKP', crv: 'X25519', x }
    const draft = await client.draft({
      verb: 'activate',
      grant: grantId,
      termsDigest: digestOf(crypto, server.terms as Terms),
      nonce: 'bm9uY2U',
      body: { sealTo: sealTo as never },
    })
    act = sealEnvelope(payloadTypes.act, draft as unknown as Json, server.ada)
  })

  async function open() {
    const read = await client.grant(grantId)
    return read.ok ? client.openCredential(read.value, target, key) : read
  }

  test('the honest one', async () => {
    await server.seal(server.activate(act, sealTo), key)
    expect(await open()).toMatchObject({
      ok: true,
      value: { credential: { PGPASSWORD: 'secret' } },
    })
  })

  test.each<[string, object, string]>([
    ['a receipt for another grant', { grant: `g-${'b'.repeat(26)}` }, 'receipt_of_another'],
    ['a receipt for another target', { target: 'other-pg' }, 'receipt_of_another'],
    ['a receipt of another enforcer', { enforcer: 'enf-other' }, 'receipt_of_another'],
    [
      'a receipt for another order',
      { orderDigest: `sha256:${'3'.repeat(64)}` },
      'receipt_of_another',
    ],
    [
      'a receipt that refuses',
      { detail: { kind: 'refused', codes: ['late'] } },
      'receipt_of_another',
    ],
    [
      'a receipt over another credential',
      {
        detail: {
          kind: 'applied',
          sealedDigest: `sha256:${'4'.repeat(64)}`,
          revealId: 'r-1',
        },
      },
      'sealed_differs',
    ],
  ])('%s is refused', async (_, receipt, code) => {
    await server.seal(server.activate(act, sealTo), key, { receipt })
    expect(await open()).toMatchObject(deceived(code))
  })

  test('a receipt that no enforcer of the roster signed is refused', async () => {
    const by = generateSigner().signer
    await server.seal(server.activate(act, sealTo), key, { by })
    expect(await open()).toMatchObject(deceived('receipt_unsigned'))
  })

  test.each<[string, object]>([
    ['grant', { grant: `g-${'b'.repeat(26)}` }],
    ['target', { target: 'other-pg' }],
    ['estate', { estate: 'other' }],
    ['order', { orderIndex: 0 }],
  ])('a header that names another %s is refused', async (_, header) => {
    await server.seal(server.activate(act, sealTo), key, { header })
    expect(await open()).toMatchObject(deceived('sealed_differs'))
  })

  test('an order that seals to another key is refused', async () => {
    const other = { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) }
    await server.seal(server.activate(act, other), key)
    expect(await open()).toMatchObject(deceived('sealed_to_another'))
  })

  test('an order for another decision is refused', async () => {
    const order = { decisionDigest: `sha256:${'5'.repeat(64)}` }
    await server.seal(server.activate(act, sealTo, { order }), key)
    expect(await open()).toMatchObject(deceived('order_of_another'))
  })

  test('a decision that rests on another activation is refused', async () => {
    const decision = {
      activateAct: payloadDigest(crypto, act).replace(/.$/, '0') as Digest,
    }
    await server.seal(server.activate(act, sealTo, { decision }), key)
    expect(await open()).toMatchObject(deceived('decision_unsigned'))
  })
})

describe('an answer is parsed strictly:', () => {
  test.each<[string, string]>([
    ['an unknown field', '{"rosters":[],"and":1}'],
    ['a duplicate key', '{"rosters":[],"rosters":[]}'],
    ['a prototype key', '{"__proto__":{},"rosters":[]}'],
    ['half an answer', '{"rosters":['],
    ['nothing', ''],
  ])('%s', async (_, text) => {
    server.lie('rosters', () => new Response(text))
    expect(await client.rosters()).toMatchObject(deceived('malformed_answer'))
  })

  test('a page that is no problem document is no Halligan', async () => {
    server.lie('rosters', () => new Response('<h1>proxy</h1>', { status: 502 }))
    expect(await client.rosters()).toMatchObject({
      ok: false,
      error: { kind: 'unreachable', code: 'not_halligan' },
    })
  })

  test('a refusal keeps its code and its facts', async () => {
    const problem = { type: 't', title: 'T', status: 403, code: 'own_request', next: 'n' }
    server.lie('rosters', () => new Response(JSON.stringify(problem), { status: 403 }))
    expect(await client.rosters()).toMatchObject({
      ok: false,
      error: { kind: 'refused', code: 'own_request', status: 403 },
    })
  })
})
