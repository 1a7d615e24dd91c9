import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Digest, Instant, Json } from '@halligan/core'
import {
  base64,
  base64url,
  completeEntry,
  entryBytes,
  payloadDigest,
  payloadTypes,
  sealEnvelope,
  signCheckpoint,
  vkeyOf,
} from '@halligan/ledger'
import { nodeCrypto as crypto, generateSigner } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Recomputed } from './recompute.ts'
import { verifyStoredLog } from './stored-log.ts'

const origin = 'example.halligan/log'
const log = generateSigner().signer
const bob = generateSigner().signer
const pub = base64url.encode(bob.publicKey)
const roster = sealEnvelope(
  payloadTypes.roster,
  {
    estate: 'example',
    version: 1,
    prevDigest: null,
    trustees: [{ person: 'bob', keyId: bob.keyId, key: pub }],
    threshold: 1,
    logs: [{ origin, vkey: vkeyOf(crypto, origin, log.publicKey), fromSize: 0 }],
    issuers: [{ keyId: log.keyId, key: base64url.encode(log.publicKey), notBefore: 0 }],
    people: [
      {
        person: 'bob',
        kind: 'human',
        keys: [{ keyId: bob.keyId, alg: 'ed25519', pub, approvesFrom: 0 }],
      },
    ],
    approverGroups: {},
    enforcers: [],
  } satisfies Json,
  bob,
)
const trust = payloadDigest(crypto, roster)

let folder = ''
let db: DatabaseSync
let anchor = ''

/** A data folder as the control plane leaves it: seven entries of one subject, anchored at the fifth. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'halligan-stored-'))
  db = new DatabaseSync(join(folder, 'halligan.db'))
  db.exec(`CREATE TABLE entries (idx INTEGER PRIMARY KEY, bytes BLOB);
    CREATE TABLE head (origin TEXT, size INTEGER, root BLOB);
    CREATE TABLE roster_versions (version INTEGER, digest TEXT);
    CREATE TABLE rosters (digest TEXT, envelope TEXT)`)
  db.prepare('INSERT INTO roster_versions VALUES (1, ?)').run(trust)
  db.prepare('INSERT INTO rosters VALUES (?, ?)').run(trust, JSON.stringify(roster))
  fill(7)
})
afterEach(async () => {
  db.close()
  await rm(folder, { recursive: true })
})

function fill(size: number, actor = 'bob') {
  const recomputed = new Recomputed(crypto)
  let prev: Digest | null = null
  for (let index = 0; index < size; index++) {
    const draft = { at: index as Instant, kind: 'tick', subject: 'log', actor }
    const entry = completeEntry(crypto, draft, prev)
    recomputed.add(index, entry)
    db.prepare('INSERT INTO entries VALUES (?, ?)').run(index, entryBytes(entry))
    prev = entry.id
    const head = { origin, size: index + 1, root: recomputed.root() }
    if (index === 4 && actor === 'bob') anchor = signCheckpoint(crypto, head, log)
  }
  const root = base64.decode(recomputed.root()) ?? new Uint8Array()
  db.exec('DELETE FROM head')
  db.prepare('INSERT INTO head VALUES (?, ?, ?)').run(origin, size, root)
}

const verify = (given: { anchor?: string | null; trust?: Digest | null } = {}) =>
  verifyStoredLog(crypto, { folder, anchor, trust, ...given })

test('a whole log past its anchor verifies', () => {
  expect(verify()).toMatchObject({ ok: true, value: { trusted: true, head: { size: 7 } } })
})

test('without an anchor or a trusted digest it is trusted by nobody', () => {
  expect(verify({ anchor: null })).toMatchObject({ ok: true, value: { trusted: false } })
  expect(verify({ trust: null })).toMatchObject({ ok: true, value: { trusted: false } })
})

describe('AU-16 what was changed is found:', () => {
  test.each<[string, string, string]>([
    [
      'an entry edited',
      "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'bob', 'eve') AS BLOB) WHERE idx = 3",
      'bad_log',
    ],
    ['an entry cut from the middle', 'DELETE FROM entries WHERE idx = 3', 'bad_log'],
    ['the end cut off', 'DELETE FROM entries WHERE idx > 5', 'bad_log'],
    ['the head put back', 'UPDATE head SET size = 4', 'behind_anchor'],
    ['another root', "UPDATE head SET root = x'00'", 'bad_log'],
    ['no log at all', 'DELETE FROM entries', 'bad_log'],
    ['another roster', "UPDATE rosters SET envelope = '{}'", 'bad_rosters'],
    [
      'bytes that are no entry',
      "UPDATE entries SET bytes = x'7b7d' WHERE idx = 0",
      'bad_log',
    ],
  ])('%s', (_, sql, code) => {
    db.exec(sql)
    expect(verify()).toMatchObject({ ok: false, error: { code } })
  })

  test('another log in its place, whole in itself', () => {
    db.exec('DELETE FROM entries')
    fill(7, 'eve')
    expect(verify()).toMatchObject({ ok: false, error: { code: 'bad_log' } })
  })

  test('an anchor that the log key did not sign', () => {
    const stranger = signCheckpoint(
      crypto,
      { origin, size: 5, root: base64.encode(new Uint8Array(32)) },
      bob,
    )
    expect(verify({ anchor: stranger })).toMatchObject({
      ok: false,
      error: { code: 'bad_anchor' },
    })
  })

  test('a file that is no database', async () => {
    await writeFile(join(folder, 'halligan.db'), 'nonsense'.repeat(1000))
    expect(verify()).toMatchObject({ ok: false, error: { code: 'unreadable_log' } })
  })
})
