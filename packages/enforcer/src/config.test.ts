import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId } from '@halligan/core'
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  makeKeys,
  pathsIn,
  readConfig,
  readGuard,
  readKeys,
  writeConfig,
} from './config.ts'
import { enroll } from './enroll.ts'
import { parseGuard } from './guard-file.ts'
import { hostClock, hostRandom, hostScheduler, joseSealer } from './node-ports.ts'
import { StateTaken } from './store/port.ts'
import { openBooks } from './store/sqlite.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-enforcer-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const guardText = `
enforcer: enf-payments
targets:
  payments-pg:
    entitlements: [payments-db-repair]
    privileges: ['role:payments_repair']
    routes: { quorum: { minApprovals: 1 } }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [dee]
`

describe('guard.yaml', () => {
  test('is read as it is written', () => {
    expect(parseGuard(guardText).targets['payments-pg']).toMatchObject({
      routes: { quorum: { minApprovals: 1 } },
      maxLifeSeconds: 3600,
    })
  })

  test.each([
    ['an unknown field', 'owners: [dee]', 'owners: [dee]\n    owner: mallory'],
    ['a missing field', 'approverGroup: payments-leads', ''],
    ['a life that is no number', '3600', "'3600'"],
    ['a life of nothing', '3600', '0'],
    ['a quorum of nobody', 'minApprovals: 1', 'minApprovals: 0'],
    ['an unknown route', 'quorum:', 'backdoor:'],
    ['a route without its number', '{ minApprovals: 1 }', '{}'],
    ['a key given twice', 'owners: [dee]', 'owners: [dee]\n    owners: [mallory]'],
    [
      'an alias',
      "privileges: ['role:payments_repair']",
      'privileges: &a [x]\n    owners: *a',
    ],
    ['nothing but an alias', 'owners: [dee]', 'owners: *nobody'],
    ['something that is not YAML', 'targets:', 'targets: ['],
  ])('%s is refused', (_, found, replaced) => {
    expect(() => parseGuard(guardText.replace(found, replaced))).toThrow(/guard/)
  })
})

describe('the folder of an enforcer', () => {
  const config = { enforcer: 'enf-payments', targets: { 'payments-pg': { kind: 'fake' } } }

  test('enrolment makes a key once, readable by its owner alone', async () => {
    const first = await enroll({ dir, id: 'enf-payments', targets: ['payments-pg'] })
    const again = await enroll({ dir, targets: ['payments-pg'] })
    expect(again).toEqual(first)
    expect(first).toMatchObject({
      id: 'enf-payments',
      targets: ['payments-pg'],
      pinned: null,
    })
    expect(statSync(pathsIn(dir).key).mode & 0o777).toBe(0o600)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(readKeys(dir).signer.keyId).toBe(first.keyId)
  })

  test('a key that others can read is refused', () => {
    makeKeys(dir, hostRandom.bytes)
    chmodSync(pathsIn(dir).key, 0o640)
    expect(() => readKeys(dir)).toThrow(/0600/)
  })

  test.each([
    ['an unknown field', { ...config, insecure: true }],
    ['a target without a kind', { ...config, targets: { 'payments-pg': {} } }],
    ['plain HTTP beyond loopback', { ...config, server: 'http://halligan.example' }],
    ['a digest that is none', { ...config, rosterDigest: 'sha256:0' }],
  ])('config.json with %s is refused', (_, bad) => {
    writeFileSync(pathsIn(dir).config, JSON.stringify(bad))
    expect(() => readConfig(dir)).toThrow(/config/)
  })

  test.each(['https://halligan.example', 'http://127.0.0.1:4000', 'http://localhost:1'])(
    'a server at %s is taken',
    (server) => {
      writeConfig(dir, { ...config, server })
      expect(readConfig(dir).server).toBe(server)
    },
  )

  test('guard and configuration must name the same targets', () => {
    expect(() => readGuard(dir, config)).toThrow(/missing/)
    writeFileSync(pathsIn(dir).guard, guardText)
    expect(readGuard(dir, config).enforcer).toBe('enf-payments')
    expect(() => readGuard(dir, { ...config, targets: {} })).toThrow(/payments-pg/)
    expect(() => readGuard(dir, { ...config, enforcer: 'enf-other' })).toThrow(/enf-other/)
  })
})

describe('the books', () => {
  const grant = `g-${'a'.repeat(26)}` as GrantId

  test('one enforcer per folder: a second is refused while the first runs', () => {
    const path = pathsIn(dir).books
    const first = openBooks(path, new Uint8Array(32))
    expect(() => openBooks(path, new Uint8Array(32))).toThrow(StateTaken)
    first.close()
    openBooks(path, new Uint8Array(32)).close()
  })

  test('what was written is there after a restart, and half a transaction is not', () => {
    const path = pathsIn(dir).books
    const books = openBooks(path, new Uint8Array(32))
    books.raiseFence('x', 7)
    books.raiseFence('x', 3)
    expect(() =>
      books.atomically(() => {
        books.raiseFence('x', 9)
        throw new Error('power')
      }),
    ).toThrow('power')
    books.close()
    const again = openBooks(path, new Uint8Array(32))
    expect(again.fence('x')).toBe(7)
    again.close()
  })

  test('INV-20 a secret is sealed at rest, to its place', () => {
    const key = hostRandom.bytes(32)
    const books = openBooks(':memory:', key)
    books.shelf.put(grant, 'payments-pg', 'hunter2')
    expect(books.shelf.get(grant, 'payments-pg')).toBe('hunter2')
    expect(books.shelf.get(grant, 'other-pg')).toBe(null)
    books.shelf.drop(grant, 'payments-pg')
    expect(books.shelf.get(grant, 'payments-pg')).toBe(null)
    books.close()
  })

  test('INV-20 a stolen database opens no secret', () => {
    const path = pathsIn(dir).books
    const books = openBooks(path, new Uint8Array(32))
    books.shelf.put(grant, 'payments-pg', 'hunter2')
    books.close()
    const thief = openBooks(path, new Uint8Array(32).fill(1))
    expect(() => thief.shelf.get(grant, 'payments-pg')).toThrow()
    thief.close()
  })
})

describe('the ports on a real host', () => {
  test('a credential is sealed to the key, bound to its grant, target and order', async () => {
    const pair = await generateKeyPair('ECDH-ES+A256KW', {
      crv: 'X25519',
      extractable: true,
    })
    const { x } = await exportJWK(pair.publicKey)
    const header = { estate: 'example', grant: 'g-1', target: 'payments-pg', orderIndex: 7 }
    const to = { kty: 'OKP', crv: 'X25519', x: String(x) } as const
    const jwe = await joseSealer.seal({ PGUSER: 'u', PGPASSWORD: 'p' }, to, header)
    const opened = await compactDecrypt(jwe, pair.privateKey)
    expect(opened.protectedHeader).toMatchObject({
      ...{ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', ...header },
    })
    expect(JSON.parse(new TextDecoder().decode(opened.plaintext))).toEqual({
      PGUSER: 'u',
      PGPASSWORD: 'p',
    })
  })

  test('the boot clock runs, and this boot has a name', () => {
    const { bootId, bootMillis } = hostClock().read()
    expect(bootId).toBe(hostClock().read().bootId)
    expect(bootMillis).toBeGreaterThan(0)
  })

  test('TM-05 a wake-up in thirty days does not fire at once', () => {
    vi.useFakeTimers()
    const woken: string[] = []
    hostScheduler.after(30 * 86_400_000, () => woken.push('a day is the longest sleep'))
    vi.advanceTimersByTime(86_399_999)
    expect(woken).toEqual([])
    vi.advanceTimersByTime(1)
    expect(woken).toHaveLength(1)
    vi.useRealTimers()
  })
})
