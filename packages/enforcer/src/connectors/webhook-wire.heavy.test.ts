import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createPlain, type RequestListener } from 'node:http'
import { createServer as createTls } from 'node:https'
import { createServer as createTcp, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { whyMissing } from '../../../../scripts/real-servers.ts'
import { type Certificates, makeCertificates } from '../../test/certificates.ts'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeUnless } from '../../test/real-server.ts'
import { webhookConnector } from './webhook.ts'

const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const absent = `{"present":false,"probes":[{"probe":"user","absent":true}],"now":1}`
const json = { 'content-type': 'application/json' }
const grant = freshGrant()

let dir: string
let server: Server | null = null
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'halligan-webhook-'))
  await writeFile(join(dir, 'secret'), secret, { mode: 0o600 })
})
afterAll(() => rm(dir, { recursive: true }))
afterEach(() => {
  server?.close()
  server = null
})

/** A connector at what listens there. */
async function at(listening: Server, origin: string, caFile?: string) {
  server = listening.unref()
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done))
  const address = listening.address()
  const port = typeof address === 'object' ? address?.port : 0
  const settings = { target: 'page', secret: { file: join(dir, 'secret') } }
  const ca = caFile === undefined ? {} : { caFile }
  return webhookConnector(
    { ...settings, ...ca, url: `${origin}:${port}/hook` },
    memoryPorts(),
  )
}

describeUnless(whyMissing('OpenSSL'), 'a receiver over https', () => {
  let certificates: Certificates
  beforeAll(() => {
    certificates = makeCertificates()
  })
  afterAll(() => certificates.remove())
  const verified: unknown[] = []
  const receiver: RequestListener = async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    verified.push(new Webhook(secret).verify(text, request.headers as never))
    response.writeHead(200, json).end(absent)
  }
  const serving = (names: string) => {
    const { certFile, keyFile } = certificates.of(names)
    const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
    return createTls({ cert, key }, receiver)
  }

  test('EN-25 is heard when its certificate is by the authority and for the name', async () => {
    const receiver = serving('DNS:localhost')
    const connector = await at(receiver, 'https://localhost', certificates.ours)
    expect(await connector.probeAbsent(grant, 'page')).toMatchObject([{ absent: true }])
    expect(verified.at(-1)).toEqual({ v: 1, call: 'probe', target: 'page', grant })
  })

  test.each([
    ['another authority', 'DNS:localhost', () => certificates.foreign],
    ['no authority that the system knows', 'DNS:localhost', () => undefined],
    ['another name', 'DNS:hooks.example.org', () => certificates.ours],
  ])('EN-25 with a certificate of %s is told nothing', async (_, names, trusted) => {
    const before = verified.length
    const connector = await at(serving(names), 'https://localhost', trusted())
    await expect(connector.probeAbsent(grant, 'page')).rejects.toThrow(
      /certificate|altnames/,
    )
    await expect(connector.end(grant, 'page')).rejects.toThrow()
    expect(verified).toHaveLength(before)
  })
})

describe('a receiver that keeps the enforcer waiting', () => {
  test.each<[string, () => Server]>([
    ['says nothing', () => createTcp((socket) => socket.on('error', () => undefined))],
    [
      'sends its answer letter by letter',
      () =>
        createPlain((_, response) => {
          response.writeHead(200, json)
          let sent = 0
          const letters = setInterval(() => {
            response.write(absent.charAt(sent))
            sent += 1
          }, 500)
          response.once('close', () => clearInterval(letters))
        }),
    ],
  ])(
    'C-04 and %s shows no absence, and the call settles',
    async (_, listening) => {
      const connector = await at(listening(), 'http://127.0.0.1')
      const started = performance.now()
      await expect(connector.probeAbsent(grant, 'page')).rejects.toThrow(/does not answer/)
      expect(performance.now() - started).toBeLessThan(15_000)
    },
    20_000,
  )

  test('C-04 whose first of two answers is an error is not taken by the second', async () => {
    const answer = (status: string) =>
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${absent.length}\r\n\r\n${absent}`
    const twice = createTcp((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(answer('500 No') + answer('200 OK')))
    })
    const connector = await at(twice, 'http://127.0.0.1')
    await expect(connector.probeAbsent(grant, 'page')).rejects.toThrow(/500/)
  })
})
