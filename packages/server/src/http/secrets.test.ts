import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  activeGrant,
  call,
  Person,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'

const reason = 'stuck payouts'

let server: TestServer
let ada: Person
let bob: Person
beforeAll(async () => {
  server = await startServer()
  ada = await Person.at(server.url, 'ada')
  bob = await Person.at(server.url, 'bob')
  await activeGrant(ada, bob)
})
afterAll(async () => await server.stop())

/** Every file that the server writes: the store with its WAL, the journal, the anchor, its settings. */
const files = () =>
  [
    ...readdirSync(server.dir).map((file) => join(server.dir, file)),
    `${server.dir}.anchor`,
  ].map((path) => ({ name: basename(path), bytes: readFileSync(path) }))

const where = (secret: Buffer | string) => [
  ...files()
    .filter(({ bytes }) => bytes.includes(secret))
    .map(({ name }) => name),
  ...(server.lines.some((line) => line.includes(secret.toString())) ? ['a log line'] : []),
]

const seeds = ['log', 'issuer', 'mac', 'incidents', 'notices'] as const

describe('ST-08 what the server writes while it runs', () => {
  test.each(seeds)('holds the seed %j in its key file alone', (name) => {
    const keys = readFileSync(join(server.dir, 'keys.json'), 'utf8')
    const seed = Buffer.from(JSON.parse(keys)[name], 'base64url')
    expect(seed).toHaveLength(32)
    expect(where(seed.toString('base64url'))).toEqual(['keys.json'])
    for (const spelling of [seed, seed.toString('hex'), seed.toString('base64')])
      expect(where(spelling)).toEqual([])
  })

  test('holds no bearer that it gave out', () => {
    for (const { token } of [ada, bob]) expect(where(token)).toEqual([])
  })

  test('holds a reason as a blob, and in no entry, journal, anchor, metric or log line', async () => {
    expect(where(reason)).not.toEqual([])
    expect(where(reason).every((name) => name.startsWith('halligan.db'))).toBe(true)
    const { store } = server.inside().ledger
    const entries = store.database().prepare('SELECT bytes FROM entries').all()
    const text = entries.map(({ bytes }) => Buffer.from(bytes as Uint8Array).toString())
    expect(text.length).toBeGreaterThan(8)
    expect(text.filter((entry) => entry.includes(reason))).toEqual([])
    const { body } = await call<string>(server.url, 'GET', '/metrics')
    expect(body).not.toContain(reason)
  })

  test('holds a text that was erased nowhere, once the WAL is written back', async () => {
    const { store, writer } = server.inside().ledger
    const rows = store.database().prepare('SELECT commitment FROM blobs').all()
    await writer.submit({
      name: 'erase',
      key: null,
      run: (tx, at) => {
        const erased = { at, kind: 'erased', subject: 'log', actor: 'system' } as const
        for (const { commitment } of rows)
          tx.append({ ...erased, commitment: String(commitment), basis: 'request' })
        return { ok: true, value: null }
      },
    })
    store.database().exec('PRAGMA wal_checkpoint(TRUNCATE)')
    expect(rows.length).toBeGreaterThan(1)
    expect(where(reason)).toEqual([])
  })
})
