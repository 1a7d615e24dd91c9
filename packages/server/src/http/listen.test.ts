import { type RequestOptions, request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { selfSigned } from '../../test/certificate.ts'
import { type Listening, listen } from './listen.ts'

let listening: Listening | null = null
afterEach(async () => {
  await listening?.close(100)
  listening = null
})

const plain = { host: '127.0.0.1', port: 0, tls: null, maxConnections: 100 }
const hello = () => new Response('hello')

const quick = {
  headersTimeout: 300,
  requestTimeout: 600,
  keepAliveTimeout: 200,
  connectionsCheckingInterval: 50,
}

/** Connects, sends `text`, and resolves with all that came back once the other side has closed. */
function heard(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      said += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(said))
  })
}

describe('WB-14 slow peers', () => {
  test.each([
    ['says nothing', ''],
    ['never ends its headers', 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    ['never ends its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{'],
  ])('one that %s is cut', async (_, text) => {
    const read = async (request: Request) => new Response(await request.text())
    listening = await listen(read, plain, quick)
    const said = await heard(listening.port, text)
    expect(said).not.toContain(' 200 ')
  })

  test('headers over the limit are refused', async () => {
    listening = await listen(hello, plain, quick)
    const headers = `X-Big: ${'x'.repeat(20_000)}\r\n`
    const said = await heard(listening.port, `GET / HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
    expect(said).toMatch(/^HTTP\/1.1 431/)
  })

  test('a house full of idle sockets still has room for an emergency', async () => {
    listening = await listen(hello, { ...plain, maxConnections: 20 })
    const { port } = listening
    const idle: Socket[] = []
    for (let i = 0; i < 60; i++)
      idle.push(
        await new Promise<Socket>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket))
          socket.on('error', () => {})
        }),
      )
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(await response.text()).toBe('hello')
    for (const socket of idle) socket.destroy()
  })

  test('a house full of bodies that never end still has room for an emergency', async () => {
    const begun: string[] = []
    const read = async (request: Request) => {
      begun.push(request.url)
      return new Response(`read ${await request.text()}`)
    }
    listening = await listen(read, { ...plain, maxConnections: 20 })
    const { port } = listening
    const slow = Array.from({ length: 20 }, () =>
      connect(port, '127.0.0.1', function (this: Socket) {
        this.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{')
      }).on('error', () => {}),
    )
    await expect.poll(() => begun.length).toBe(20)
    for (const word of ['one', 'two']) {
      const sent = { method: 'POST', body: word }
      const response = await fetch(`http://127.0.0.1:${port}/`, sent)
      expect(await response.text()).toBe(`read ${word}`)
    }
    for (const socket of slow) socket.destroy()
  })
})

describe('beyond loopback', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.org'])(
    '%s is not listened on without a certificate',
    async (host) => {
      await expect(listen(hello, { ...plain, host })).rejects.toThrow('without a TLS')
    },
  )
})

describe('with a certificate and its key', () => {
  const answered = (port: number, options: RequestOptions): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, ...options }, (response) => {
        response.setEncoding('utf8').once('data', resolve)
      })
      sent.once('error', reject).end()
    })

  test('everything is said under TLS, and an idle crowd still makes room', async () => {
    const tls = selfSigned()
    listening = await listen(hello, { ...plain, tls, maxConnections: 5 })
    const { port } = listening
    const idle = Array.from({ length: 20 }, () =>
      connect(port, '127.0.0.1').on('error', () => {}),
    )
    expect(await answered(port, { ca: tls.cert })).toBe('hello')
    await expect(answered(port, {})).rejects.toThrow('self-signed')
    for (const socket of idle) socket.destroy()
  })

  test('a version of TLS before 1.3 is refused', async () => {
    const tls = selfSigned()
    listening = await listen(hello, { ...plain, tls })
    const old = { ca: tls.cert, maxVersion: 'TLSv1.2' } as const
    await expect(answered(listening.port, old)).rejects.toThrow()
  })
})
