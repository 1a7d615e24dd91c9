import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { OpenedGrant } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LeftOpen } from '../src/drill/database.ts'
import { eventually, RoughSite } from './rough-site.ts'

let site: RoughSite
let port: number
beforeAll(async () => {
  site = await RoughSite.open()
  await site.up()
  port = Number(new URL(site.url).port)
})
afterAll(() => site.remove())

/** What the server says to exactly these bytes, until it or we are tired of it. */
function heard(bytes: string | Uint8Array, millis = 3_000): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const tired = setTimeout(() => socket.destroy(), millis)
    socket.on('error', () => undefined)
    socket.setEncoding('latin1').on('data', (text) => {
      said += text
    })
    socket.once('close', () => {
      clearTimeout(tired)
      resolve(said)
    })
  })
}

const statuses = (said: string): number[] =>
  [...said.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))

const post = (path: string, ...headers: string[]) =>
  `${[`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json', ...headers].join('\r\n')}\r\n\r\n`

const challenge = '/v1/session/challenge'
const good = '{"principal":"ada"}'
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

describe('WB-14 what no client of ours would send', () => {
  test.each<[string, string | Uint8Array, readonly number[]]>([
    ['no HTTP at all', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), [400]],
    [
      'two lengths',
      post(challenge, 'Content-Length: 19', 'Content-Length: 5') + good,
      [400],
    ],
    [
      'a length and chunks',
      `${post(challenge, 'Content-Length: 19', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      [400],
    ],
    [
      'a chunk without a size',
      `${post(challenge, 'Transfer-Encoding: chunked')}zz\r\n${good}\r\n0\r\n\r\n`,
      [400],
    ],
    ['a length below zero', post(challenge, 'Content-Length: -1') + good, [400]],
    ['a bare line feed', `GET /healthz HTTP/1.1\nHost: x\n\n`, [400]],
    ['a header with a NUL', `GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n`, [400]],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', [400]],
    ['an unknown method', 'BREAK /v1/grants HTTP/1.1\r\nHost: x\r\n\r\n', [400]],
    ['a tunnel', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n', []],
    [
      'a path that climbs',
      'GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      [404],
    ],
    [
      'a path with an escaped NUL',
      'GET /v1/grants/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      [401],
    ],
    [
      'a path that is no UTF-8',
      'GET /v1/grants/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      [401],
    ],
    [
      'a broken escape',
      'GET /v1/grants/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      [401],
    ],
    [
      'a host that is none',
      'GET /healthz HTTP/1.1\r\nHost: [::\r\nConnection: close\r\n\r\n',
      [400],
    ],
    [
      'another site',
      'GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      [200],
    ],
    ['a star', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [400]],
    [
      'a body on a read',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello`,
      [200],
    ],
    [
      'four thousand headers',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${'A: b\r\n'.repeat(2_500)}\r\n`,
      [431],
    ],
    [
      'a body over 64 KiB in chunks',
      post(challenge, 'Transfer-Encoding: chunked') + chunk('x'.repeat(40_000)).repeat(3),
      [413],
    ],
    [
      'an announced body over 64 KiB',
      post(challenge, 'Content-Length: 70000', 'Expect: 100-continue'),
      [100, 413],
    ],
    [
      'a packed body',
      `${post(challenge, 'Content-Encoding: gzip', 'Connection: close', `Content-Length: ${good.length}`)}${good}`,
      [200],
    ],
  ])('%s', async (_, bytes, expected) => {
    expect(statuses(await heard(bytes))).toEqual(expected)
    expect(await site.healthy()).toBe(true)
  })
})

test('WB-14 two thousand idle sockets and as many half-sent bodies: an emergency is begun, used and ended', async () => {
  const crowd: Socket[] = []
  const open = (first = '') => {
    const socket = connect(port, '127.0.0.1', () => first && socket.write(first))
    socket.on('error', () => undefined)
    crowd.push(socket)
  }
  for (let n = 0; n < 2_200; n++) {
    open()
    if (n % 200 === 0) await pause(20)
  }
  for (let n = 0; n < 2_200; n++) {
    open(`${post(challenge, 'Content-Length: 60000')}{`)
    if (n % 200 === 0) await pause(20)
  }
  const dribble = setInterval(() => {
    for (const socket of crowd.slice(-100)) if (!socket.destroyed) socket.write(' ')
  }, 500)
  await pause(500)
  const began = performance.now()
  const [ada, bob] = [await site.actor('ada'), await site.actor('bob')]
  const about = await ada.ask(await ada.openIncident(), 6)
  await bob.mustAct('approve', {}, about)
  const key = await ada.activate(about)
  const login = await eventually('the credential', () => ada.credential(about.grant, key))
  const left = await LeftOpen.connect(login)
  await bob.mustAct('revoke', {}, about)
  await eventually('the session is cut', () => left.wasEnded())
  await eventually('it is absent', async () => {
    const grant = (await ada.grant(about.grant)) as OpenedGrant
    return grant.targets.every(({ phase }) => phase === 'absent')
  })
  expect(performance.now() - began).toBeLessThan(15_000)
  clearInterval(dribble)
  for (const socket of crowd) socket.destroy()
}, 60_000)
