import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeScheduler } from '../node-ports.ts'
import type { Notice } from '../store/port.ts'
import { commandSink } from './command.ts'
import { fileSink } from './file.ts'
import { hasSinglePageRoute, openLane } from './lane.ts'
import { readRoutesFile } from './routes-file.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-routes-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const notice: Notice = {
  id: '7.access_not_ended.bob',
  at: 1_700_000_000_000 as Instant,
  kind: 'access_not_ended',
  grant: null,
  payload: { to: 'bob', urgency: 'page', odd: '$(touch pwned); `id`\n"' },
  deliveredAt: null,
  routes: [],
}
const line = {
  type: 'halligan.access_not_ended',
  timestamp: '2023-11-14T22:13:20.000Z',
  data: { notice: notice.id, grant: null, ...notice.payload },
}

/** A program that is a shell script of the test's. */
function program(text: string): string {
  const path = join(dir, 'page.sh')
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o700 })
  return path
}

describe('a file', () => {
  test('gets one line for each notice, and is private', async () => {
    const path = join(dir, 'alerts.jsonl')
    const sink = fileSink(path)
    for (const _ of [1, 2]) expect(await sink.deliver(notice)).toBe(true)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map((one) => JSON.parse(one))).toEqual([line, line])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('that is a link, or cannot be written, is no delivery', async () => {
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'link'))
    await expect(fileSink(join(dir, 'link')).deliver(notice)).rejects.toThrow('ELOOP')
    await expect(fileSink(join(dir, 'no', 'where')).deliver(notice)).rejects.toThrow()
    expect(existsSync(join(dir, 'elsewhere'))).toBe(false)
  })

  test('on a full disk is no delivery', async () => {
    await expect(fileSink('/dev/full').deliver(notice)).rejects.toThrow('ENOSPC')
  })
})

describe('a command', () => {
  test('is given the notice on its input, and no shell reads any of it', async () => {
    const out = join(dir, 'out')
    const run = [
      program(`cat > ${out}; echo "$@" >> ${out}; env >> ${out}`),
      '; touch x',
    ] as const
    process.env.HALLIGAN_TEST_SECRET = 'hush'
    expect(await commandSink({ run }).deliver(notice)).toBe(true)
    delete process.env.HALLIGAN_TEST_SECRET
    const [body, args, ...env] = readFileSync(out, 'utf8').split('\n')
    expect(JSON.parse(body ?? '')).toEqual(line)
    expect(args).toBe('; touch x')
    expect(env.join()).not.toContain('hush')
    expect(existsSync(join(dir, 'x'))).toBe(false)
  })

  test('delivered when it ends with 0, and not otherwise', async () => {
    expect(await commandSink({ run: ['/bin/true'] }).deliver(notice)).toBe(true)
    expect(await commandSink({ run: ['/bin/false'] }).deliver(notice)).toBe(false)
    await expect(
      commandSink({ run: [join(dir, 'none')] }).deliver(notice),
    ).rejects.toThrow()
  })

  test('that hangs is killed, with what it started', async () => {
    const mark = join(dir, 'mark')
    const run = [program(`(sleep 1; touch ${mark}) & sleep 60`)] as const
    const began = Date.now()
    expect(await commandSink({ run, timeoutMillis: 100 }).deliver(notice)).toBe(false)
    expect(Date.now() - began).toBeLessThan(5000)
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect(existsSync(mark)).toBe(false)
  })
})

describe('a lane', () => {
  const route = {
    name: 'a',
    takes: 'all',
    kind: 'webhook',
    means: 'a',
    mostAtOnce: 2,
  } as const

  test('INV-25 has no more under way than it may, and frees what rejects', async () => {
    const open: ((failed: Error) => void)[] = []
    const sink = {
      deliver: () => new Promise<boolean>((_, reject) => void open.push(reject)),
    }
    const lane = openLane({ ...route, sink }, nodeScheduler)
    const both = [lane.deliver(notice), lane.deliver(notice)]
    expect(lane.free()).toBe(0)
    for (const fail of open) fail(new Error('no route to host'))
    expect(await Promise.all(both)).toEqual([false, false])
    expect(lane.free()).toBe(2)
  })

  test('INV-25 is held up by no sink for ever', async () => {
    let fire = () => {}
    const after = (_: number, run: () => void) => {
      fire = run
      return () => {}
    }
    const sink = { deliver: () => new Promise<boolean>(() => {}) }
    const lane = openLane({ ...route, sink }, { after })
    const delivery = lane.deliver(notice)
    fire()
    expect(await delivery).toBe(false)
    expect(lane.free()).toBe(2)
  })
})

test('X-05 two routes that depend on one thing are one', () => {
  const [a, b] = [{ means: 'pager.example' }, { means: '/var/log/alerts' }]
  expect(hasSinglePageRoute([])).toBe(true)
  expect(hasSinglePageRoute([a, a])).toBe(true)
  expect(hasSinglePageRoute([a, b])).toBe(false)
})

describe('routes.json', () => {
  const read = (value: unknown) => {
    const path = join(dir, 'routes.json')
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return readRoutesFile(path)
  }
  const secretFile = (text: string, mode = 0o600) => {
    const path = join(dir, 'secret')
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const url = 'https://pager.example/hook'

  test('names webhooks, commands and files; local ones take pages alone unless it says otherwise', () => {
    const file = secretFile(`${secret}\n`)
    expect(
      read([
        { name: 'pager', kind: 'webhook', url, secret: file },
        { name: 'sms', kind: 'command', run: ['/usr/bin/logger', '-t', 'halligan'] },
        { name: 'local', kind: 'file', path: '/var/log/alerts.jsonl', takes: 'all' },
      ]),
    ).toEqual([
      { name: 'pager', takes: 'all', kind: 'webhook', url, secret, private: false },
      {
        ...{ name: 'sms', takes: 'pages', kind: 'command' },
        run: ['/usr/bin/logger', '-t', 'halligan'],
      },
      { name: 'local', takes: 'all', kind: 'file', path: '/var/log/alerts.jsonl' },
    ])
  })

  const webhook = { name: 'pager', kind: 'webhook', url, secret: '/nowhere' }
  test.each<[string, unknown, string]>([
    ['no JSON', 'x', 'routes.json'],
    ['no list', {}, 'a list of routes'],
    ['no object', ['x'], 'route 1: an object'],
    ['a bad name', [{ ...webhook, name: 'Pager 1' }], 'name is lower-case'],
    ['an unknown kind', [{ name: 'a', kind: 'smtp' }], 'kind is webhook, command or file'],
    ['a stray field', [{ ...webhook, urls: [] }], 'has no field "urls"'],
    ['another scheme', [{ ...webhook, url: 'file:///etc' }], 'http or https'],
    ['no such secret', [webhook], 'ENOENT'],
    ['a relative secret', [{ ...webhook, secret: 'x' }], 'secret is an absolute path'],
    [
      'a relative program',
      [{ name: 'a', kind: 'command', run: ['page'] }],
      'absolute path',
    ],
    [
      'a shell line',
      [{ name: 'a', kind: 'command', run: '/bin/page | x' }],
      'run is a list',
    ],
    ['no program', [{ name: 'a', kind: 'command', run: [] }], 'run is a list'],
    [
      'a relative file',
      [{ name: 'a', kind: 'file', path: 'x' }],
      'path is an absolute path',
    ],
    [
      'odd takes',
      [{ name: 'a', kind: 'file', path: '/x', takes: 'some' }],
      'takes is pages',
    ],
    [
      'one name twice',
      [
        { name: 'a', kind: 'file', path: '/x' },
        { name: 'a', kind: 'file', path: '/y' },
      ],
      'two routes are called a',
    ],
  ])('with %s stops the start and says why', (_, value, why) => {
    expect(() => read(value)).toThrow(why)
  })

  test('CF-05 wants a secret that nobody else can read, and that is one', () => {
    expect(() => read([{ ...webhook, secret: secretFile(secret, 0o644) }])).toThrow(
      'chmod 600',
    )
    for (const text of ['hunter2', 'whsec_', `whsec_${'a'.repeat(8)}`])
      expect(() => read([{ ...webhook, secret: secretFile(text) }])).toThrow(
        'holds no whsec_',
      )
    mkdirSync(join(dir, 'unused'))
  })
})
