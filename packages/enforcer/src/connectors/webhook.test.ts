import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { createClock } from '../../test/host.ts'
import {
  changeUsers,
  enterPage,
  openWebhookLab,
  type WebhookLab,
  webhookHarness,
} from '../../test/webhook-lab.ts'
import { describeConnector } from './connector.contract.ts'
import type { Connector, Credential, Held, Opening } from './port.ts'
import { describeSharedAccount } from './shared-account.contract.ts'
import { webhookConnector } from './webhook.ts'
import * as read from './webhook-answer.ts'
import { webhookSettings } from './webhook-call.ts'

let lab: WebhookLab
beforeAll(async () => {
  lab = await openWebhookLab()
})
afterAll(() => lab.remove())

const enter = (credential: Credential) => enterPage(lab, credential)
const change = (edit: (users: Record<string, unknown>) => void) => changeUsers(lab, edit)

describeConnector('the example receiver of webhooks', () => webhookHarness(lab))

describeSharedAccount('the example receiver of webhooks', () => ({
  settings: { kind: 'webhook', ...lab.settings, accounts: ['ops'] },
  account: 'ops',
  ownPrivilege: 'page:read',
  now: async () => Date.now() as Instant,
  enter,
  triesNoSecret: true,
  credential: (secret) => ({ USER: 'ops', PASSWORD: secret }),
  setByHand: (secret) =>
    change((users) => {
      users.ops = { password: secret, until: 32_503_680_000_000 }
    }),
}))

const openingOf = (grant: GrantId): Opening => ({
  ...{ grant, target: lab.target, requester: 'ada' as PrincipalId, overlapKey: grant },
  ...{ privileges: ['page:read'], applyBefore: (Date.now() + 60_000) as Instant },
  deadline: (Date.now() + 900_000) as Instant,
})

test('Q-02 INV-11 a revocation that overtakes its apply keeps the door shut', async () => {
  const connector = lab.connector()
  await connector.open()
  const grant = freshGrant()
  await connector.end(grant, lab.target)
  await expect(connector.apply(openingOf(grant))).rejects.toThrow(/ended/)
  expect(
    (await connector.probeAbsent(grant, lab.target)).every(({ absent }) => absent),
  ).toBe(true)
  await connector.close()
})

test('Q-01 ten times the same apply and the same revoke make and unmake one login', async () => {
  const connector = lab.connector()
  await connector.open()
  const grant = freshGrant()
  const ten = Array.from({ length: 10 })
  await Promise.all(ten.map(() => connector.apply(openingOf(grant))))
  expect(await connector.standing(lab.target)).toEqual([grant])
  await Promise.all(ten.map(() => connector.end(grant, lab.target)))
  expect(await connector.standing(lab.target)).toEqual([])
  await connector.close()
})

test('a call that is not signed with the secret is refused', async () => {
  const wrong = lab.connector(memoryPorts(), { secret: { env: 'HALLIGAN_TEST_WHSEC' } })
  process.env.HALLIGAN_TEST_WHSEC = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  await expect(wrong.open()).rejects.toThrow(/401/)
  delete process.env.HALLIGAN_TEST_WHSEC
  await expect(wrong.open()).rejects.toThrow(/HALLIGAN_TEST_WHSEC holds no secret/)
})

test('calls are signed with the time that the connector is lent', async () => {
  const clock = createClock()
  const connector = lab.connector({ ...memoryPorts(), clock })
  clock.stepWall(Date.now() - clock.read().wall)
  expect(await connector.standing(lab.target)).toEqual([])
  clock.stepWall(-360_000)
  await expect(connector.standing(lab.target)).rejects.toThrow(/401/)
})

describe('the example receiver', () => {
  const call = (body: string, { id = 'msg_1', at = new Date(), signed = body } = {}) => {
    const signature = new Webhook(lab.receiver.secret).sign(id, at, signed)
    const headers = {
      ...{ 'content-type': 'application/json', 'webhook-id': id },
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    }
    return fetch(lab.receiver.url, { method: 'POST', headers, body })
  }
  const body = JSON.stringify({ v: 1, call: 'standing', target: 'status-page' })
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)

  test('takes a signed call once, and not when it is replayed', async () => {
    const id = `msg_${freshGrant()}`
    expect((await call(body, { id })).status).toBe(200)
    expect((await call(body, { id })).status).toBe(401)
  })

  test.each([
    ['is older than five minutes', { at: minutesAgo(6) }],
    ['comes from the future', { at: minutesAgo(-6) }],
    ['was signed with another body', { signed: `${body} ` }],
  ])('refuses a call that %s', async (_, forged) => {
    const answer = await call(body, { id: `msg_${freshGrant()}`, ...forged })
    expect(answer.status).toBe(401)
  })

  test('EN-17 keeps an account open for one of two grants, whichever ends first', async () => {
    for (const [ends, stays] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const grants = [freshGrant(), freshGrant()]
      const privileges = ['account:ops']
      const requester = 'ada' as PrincipalId
      const heldAs = (phase: Held['phase']) =>
        grants.map((grant) => ({ grant, requester, privileges, phase }))
      let held = heldAs('standing')
      const connector = lab.connector(
        memoryPorts(() => held),
        { accounts: ['ops'] },
      )
      await connector.open()
      let credential = {}
      for (const grant of grants) {
        const applied = await connector.apply({ ...openingOf(grant), privileges })
        if (applied.kind === 'applied') credential = applied.credential
      }
      const isAbsent = async (grant: GrantId = freshGrant()) =>
        (await connector.probeAbsent(grant, lab.target)).every(({ absent }) => absent)
      await connector.end(grants[ends] ?? freshGrant(), lab.target)
      expect(await isAbsent(grants[ends])).toBe(true)
      expect(await isAbsent(grants[stays])).toBe(false)
      expect(await lab.letsIn(credential)).toBe(true)
      expect(await connector.standing(lab.target)).toEqual([grants[stays]])
      await connector.end(grants[stays] ?? freshGrant(), lab.target)
      expect(await lab.letsIn(credential)).toBe(false)
      expect(await isAbsent(grants[stays])).toBe(true)
      held = heldAs('closing')
      await connector.rotate?.('ops')
      for (const grant of grants)
        await expect(
          connector.apply({ ...openingOf(grant), privileges }),
          'Q-02 an apply of an account that comes after its revocation',
        ).rejects.toThrow(/ended/)
      await connector.close()
    }
  })
})

test('the answers and the call that the documentation shows are those of the wire', async () => {
  const page = await readFile(
    join(import.meta.dirname, '../../../../docs/connectors/webhook.md'),
    'utf8',
  )
  const [call, applied, probed] = [...page.matchAll(/```json\n(.*?)```/gs)].map(
    ([, text]) => JSON.parse(text ?? ''),
  )
  const asked: unknown[] = []
  const receiver = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    asked.push(JSON.parse(text))
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(applied))
  })
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  const address = receiver.address()
  const port = typeof address === 'object' ? address?.port : 0
  const url = `http://127.0.0.1:${port}/`
  const { grant, requester, privileges, applyBefore, deadline } = call
  const answer = await webhookConnector({ ...lab.settings, url }, memoryPorts()).apply({
    ...{ grant, requester, privileges, applyBefore, deadline },
    ...{ target: call.target, overlapKey: '' },
  })
  receiver.close()
  expect(Object.keys(asked[0] ?? {}).toSorted()).toEqual(Object.keys(call).toSorted())
  expect(answer).toEqual({ kind: 'applied', credential: applied.credential })
  expect(read.probed(probed)).toMatchObject({ present: false, probes: [{ absent: true }] })
})

/** A receiver that answers whatever a test wants. */
describe('a receiver that does not tell the truth', () => {
  let server: Server | null = null
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })
  const at = async (listener: RequestListener): Promise<Connector> => {
    const listening = createServer(listener)
    server = listening
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const address = listening.address()
    const port = typeof address === 'object' ? address?.port : 0
    return webhookConnector(
      { ...lab.settings, url: `http://127.0.0.1:${port}/` },
      memoryPorts(),
    )
  }
  const saying = (status: number, body: string, headers: Record<string, string> = {}) =>
    at((_, response) => {
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(body)
    })
  const absent = `{"present":false,"probes":[{"probe":"user","absent":true}],"now":1}`
  const grant = freshGrant()

  test("EN-10 a rotation that it contradicts itself about is not shown, and not the vault's", async () => {
    const probes = [{ probe: 'old_secret', absent: true }]
    const connector = await saying(
      200,
      JSON.stringify({ present: true, probes, now: Date.now() }),
      { 'content-type': 'application/json' },
    )
    const shown = (await connector.rotate?.('ops')) ?? []
    expect(shown.map(({ absent }) => absent)).toEqual([false])
  })

  test('EN-10 a probe that contradicts itself shows no absence', async () => {
    const liar = await saying(200, absent.replace('"present":false', '"present":true'))
    const probes = await liar.probeAbsent(grant, lab.target)
    expect(probes.some((probe) => probe.absent)).toBe(false)
  })

  test.each<[string, number, string, Record<string, string>]>([
    ['an error', 500, absent, {}],
    ['another success', 202, absent, {}],
    ['no JSON', 200, 'gone', {}],
    ['a list', 200, '[]', {}],
    ['half an answer', 200, '{"present":false}', {}],
    ['no probe at all', 200, '{"present":false,"probes":[],"now":1}', {}],
    ['an unknown field', 200, absent.replace('{', '{"really":true,'), {}],
    [
      'a probe of another shape',
      200,
      absent.replace('"absent":true', '"absent":"yes"'),
      {},
    ],
    ['a web page', 200, absent, { 'content-type': 'text/html' }],
    ['a redirect to somewhere kind', 302, absent, { location: 'http://127.0.0.1:1/' }],
    ['more than a mebibyte', 200, `${absent}${' '.repeat(1024 * 1024)}`, {}],
    ['nothing', 200, '', {}],
  ])('EN-10 C-04 %s shows no absence', async (_, status, body, headers) => {
    const liar = await saying(status, body, headers)
    await expect(liar.probeAbsent(grant, lab.target)).rejects.toThrow()
  })

  test('P-04 an answer that is lost leaves the outcome unknown, and asking again makes no second login', async () => {
    const { url } = lab.receiver
    let lose = true
    const oneWay = await at(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const headers = new Headers()
      for (const [name, value] of Object.entries(request.headers))
        if (typeof value === 'string' && /^(webhook|content-type)/.test(name))
          headers.set(name, value)
      const answer = await fetch(url, { method: 'POST', headers, body })
      const text = await answer.text()
      if (lose && body.includes('"apply"')) response.destroy()
      else
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
    })
    await oneWay.open()
    const lost = freshGrant()
    await expect(oneWay.apply(openingOf(lost))).rejects.toThrow(/does not answer/)
    expect(await oneWay.standing(lab.target)).toEqual([lost])
    lose = false
    const again = await oneWay.apply(openingOf(lost))
    if (again.kind !== 'applied') throw new Error(again.kind)
    expect(await lab.letsIn(again.credential)).toBe(true)
    expect(await oneWay.standing(lab.target)).toEqual([lost])
    await oneWay.end(lost, lab.target)
    await oneWay.close()
    expect(await lab.letsIn(again.credential)).toBe(false)
  })
})

describe('settings of the webhook connector', () => {
  const sound = {
    kind: 'webhook',
    target: 'page',
    url: 'https://h.example/hook',
    secret: { env: 'S' },
  }
  test('are read', () => {
    expect(webhookSettings(sound)).toMatchObject({ url: 'https://h.example/hook' })
  })
  test.each([
    ['EN-25 plain http off loopback', { url: 'http://h.example/hook' }, /https/],
    [
      'EN-25 a host that only looks like loopback',
      { url: 'http://127.0.0.1.example/' },
      /https/,
    ],
    ['a secret in the URL', { url: 'https://u:p@h.example/' }, /plain URL/],
    ['no URL', { url: 'hook' }, /plain URL/],
    ['the secret itself', { secret: 'whsec_x' }, /secret is malformed/],
    ['an unknown setting', { insecure: true }, /unknown field insecure/],
  ])('%s is refused', (_, more, reason) => {
    expect(() => webhookSettings({ ...sound, ...more })).toThrow(reason)
  })
})
