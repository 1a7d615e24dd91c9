import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Instant } from '@halligan/core'
import { ok, refuse } from '@halligan/core'
import { payloadDigest, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareWithReplay } from '../../test/compare-with-replay.ts'
import { keyOf, logSigner, origin, tempFolder } from '../../test/log-kit.ts'
import {
  activated,
  approved,
  asked,
  draftOf,
  grantId,
  wholeStory,
} from '../../test/story.ts'
import { checkPrivate, openDatabase } from './database.ts'
import { migrate, readMigrations, schemaVersion } from './migrate.ts'
import { type Batch, StorageFailed } from './port.ts'
import { openStore } from './sqlite.ts'
import { storeContract } from './store.contract.ts'

let temp: ReturnType<typeof tempFolder>
beforeEach(() => {
  temp = tempFolder()
})
afterEach(() => temp.remove())

storeContract('SQLite', () => {
  const own = tempFolder()
  const store = openStore({
    path: join(own.folder, 'halligan.db'),
    crypto: nodeCrypto,
    origin,
  })
  return {
    store,
    compare: () => compareWithReplay(store.database(), nodeCrypto),
    remove() {
      store.close()
      own.remove()
    },
  }
})

test('S-11 a second opening of the same file is refused', () => {
  const options = { path: join(temp.folder, 'halligan.db'), crypto: nodeCrypto, origin }
  const first = openStore(options)
  expect(() => openStore(options)).toThrow('to myself')
  first.close()
  openStore(options).close()
})

test('CF-05 a folder or file that others can read is refused', () => {
  const file = join(temp.folder, 'keys.json')
  writeFileSync(file, '{}', { mode: 0o600 })
  checkPrivate(temp.folder, [file])
  chmodSync(file, 0o644)
  expect(() => checkPrivate(temp.folder, [file])).toThrow('chmod 600')
  chmodSync(file, 0o600)
  chmodSync(temp.folder, 0o750)
  expect(() => checkPrivate(temp.folder, [file])).toThrow('chmod 700')
})

test('a folder that is not there is said to be, with what makes it', () => {
  const folder = join(temp.folder, 'nowhere')
  expect(() => checkPrivate(folder, [])).toThrow(
    `${folder} is missing: halligan server init`,
  )
})

test('CF-05 every file of the store is private, the WAL included', () => {
  const store = openStore({
    path: join(temp.folder, 'halligan.db'),
    crypto: nodeCrypto,
    origin,
  })
  const files = readdirSync(temp.folder)
  expect(files).toContain('halligan.db-wal')
  checkPrivate(
    temp.folder,
    files.map((file) => join(temp.folder, file)),
  )
  store.close()
})

test('K-17 a migration that failed halfway resumes, and a newer schema is refused', () => {
  const folder = join(temp.folder, 'migrations')
  mkdirSync(folder)
  const sql = (name: string, text: string) => writeFileSync(join(folder, name), text)
  sql('0001-a.sql', 'CREATE TABLE a (x INTEGER);')
  sql('0002-b.sql', 'CREATE TABLE b (x INTEGER); INSERT INTO missing VALUES (1);')
  const url = pathToFileURL(`${folder}/`)
  const path = join(temp.folder, 'k17.db')
  const open = () => openDatabase(path)

  // As after a kill: the file is closed with the transaction open.
  const first = open()
  expect(() => migrate(first, readMigrations(url))).toThrow('missing')
  first.close()
  const second = open()
  expect(schemaVersion(second)).toBe(1)
  sql('0002-b.sql', 'CREATE TABLE b (x INTEGER);')
  migrate(second, readMigrations(url))
  expect(schemaVersion(second)).toBe(2)
  expect(() => migrate(second, readMigrations(url).slice(0, 1))).toThrow('newer program')
  second.close()
})

test('a store that was written by a killed process is made durable when it is opened', () => {
  const path = join(temp.folder, 'halligan.db')
  const store = openStore({ path, crypto: nodeCrypto, origin })
  const at = 1_760_000_000_000 as Instant
  store.transact(at, (batch) =>
    batch.attempt((tx) =>
      ok(tx.append({ at, kind: 'noted', subject: 'log', actor: 'system' })),
    ),
  )
  const copy = join(temp.folder, 'copy.db')
  for (const suffix of ['', '-wal'])
    writeFileSync(`${copy}${suffix}`, readFileSync(`${path}${suffix}`), { mode: 0o600 })
  store.close()
  openStore({ path: copy, crypto: nodeCrypto, origin }).close()
  const plain = new DatabaseSync(copy, { readOnly: true })
  expect(plain.prepare('SELECT count(*) AS n FROM entries').get()?.n).toBe(1)
  plain.close()
})

test('S-01 a store that its disk does not let open anew is closed until it does', () => {
  const path = join(temp.folder, 'halligan.db')
  const store = openStore({ path, crypto: nodeCrypto, origin })
  const read = () => store.view().head()
  const before = read()
  renameSync(path, `${path}.away`)
  mkdirSync(path)
  for (const _ of [1, 2]) expect(() => store.reopen()).toThrow()
  expect(read).toThrow(StorageFailed)
  expect(store.inPlace()).toBe(true)
  rmdirSync(path)
  renameSync(`${path}.away`, path)
  store.reopen()
  expect(read()).toEqual(before)
  store.close()
})

test('INV-22 results are found before and after their keys are indexed', () => {
  const options = { path: join(temp.folder, 'halligan.db'), crypto: nodeCrypto, origin }
  const store = openStore(options)
  const at = 1_760_000_000_000 as Instant
  const keep = (from: number, to: number) =>
    store.transact(at, (batch) => {
      for (let n = from; n < to; n++) batch.keepResult(keyOf(`k${n}`), String(n))
    })
  keep(0, 4500)
  keep(4500, 4600)
  const found = () => [0, 4499, 4599].map((n) => store.resultOf(keyOf(`k${n}`))?.result)
  expect(found()).toEqual(['0', '4499', '4599'])
  store.reopen()
  expect(found()).toEqual(['0', '4499', '4599'])
  expect(store.resultOf(keyOf('k4600'))).toBeNull()
  const marked = store.database().prepare('SELECT seq FROM result_mark').get()
  expect(marked?.seq).toBe(4500)
  store.close()
})

describe('the last entry of a subject and the entry of an act', () => {
  const at = 1_760_000_000_000 as Instant
  const act = (n: number) =>
    sealEnvelope(payloadTypes.act, { verb: 'revoke', n }, logSigner)
  const draft = (n: number) => ({
    ...{ at, kind: 'noted', subject: `target/${n % 1000}`, actor: 'system' },
    act: act(n),
  })
  let store: ReturnType<typeof openStore>
  beforeEach(() => {
    const path = join(temp.folder, 'halligan.db')
    store = openStore({ path, crypto: nodeCrypto, origin })
  })
  afterEach(() => store.close())

  const append = (from: number, to: number) =>
    store.transact(at, (batch) =>
      batch.attempt((tx) => {
        for (let n = from; n < to; n++) tx.append(draft(n))
        return ok(null)
      }),
    )
  const written = () =>
    Number(store.database().prepare('SELECT size FROM places_mark').get()?.size)
  const last = (n: number) => store.view().entriesOf(`target/${n}`).at(-1)?.index
  const ofAct = (n: number) =>
    store.view().entryOfAct(payloadDigest(nodeCrypto, act(n)))?.index

  test('are found in memory, in the tables, and after a restart', () => {
    append(0, 4500)
    expect(written()).toBe(0)
    append(4500, 4600)
    expect(written()).toBe(4500)
    const found = () => [499, 599, 600].map(last).concat([0, 4499, 4599, 4600].map(ofAct))
    const expected = [4499, 4599, 3600, 0, 4499, 4599, undefined]
    expect(found()).toEqual(expected)
    store.reopen()
    expect(found()).toEqual(expected)
    expect(compareWithReplay(store.database(), nodeCrypto)).toBeNull()
    store.database().exec("UPDATE subjects SET idx = 1 WHERE subject = 'target/499'")
    expect(compareWithReplay(store.database(), nodeCrypto)?.table).toBe('subjects')
  })

  test('are those of before, when a command or its whole transaction is taken back', () => {
    append(7, 8)
    const refuseAll = (batch: Batch) =>
      batch.attempt((tx) => {
        tx.append(draft(1007))
        return refuse({ code: 'own_request' })
      })
    store.transact(at, refuseAll)
    const found = () => [last(7), ofAct(7), ofAct(1007)]
    expect(found()).toEqual([0, 0, undefined])
    expect(() =>
      store.transact(at, (batch) => {
        batch.attempt((tx) => ok(tx.append(draft(2007))))
        throw new Error('poison')
      }),
    ).toThrow('poison')
    expect([...found(), ofAct(2007)]).toEqual([0, 0, undefined, undefined])
    append(3007, 3008)
    expect([last(7), ofAct(3007)]).toEqual([1, 1])
  })
})

test('of one subject, what came after a kind of entry can be read without what came before', () => {
  const store = openStore({ path: ':memory:', crypto: nodeCrypto, origin })
  const start = 1_760_000_000_000 as Instant
  const g = grantId(0)
  const tell = (events: ReturnType<typeof asked>) =>
    store.transact(start, (batch) =>
      batch.attempt((tx) => ok(events.map((event) => tx.append(draftOf(g, event))))),
    )
  const after = () => store.view().entriesAfter(`grant/${g}`, 'activated')
  tell([...asked(g, start), ...approved(g, start)])
  const before = store.view().entriesOf(`grant/${g}`)
  expect(after()).toEqual(before)
  tell(activated(g, start))
  expect(after().map(({ entry }) => entry.kind)).toEqual(['ordered', 'review_opened'])
  const whole = store.view().entriesOf(`grant/${g}`)
  expect(after()).toEqual(whole.slice(before.length + 1))
  store.close()
})

test('U-01 INV-14 a store of an older program is projected anew, and its entries stay', () => {
  const path = join(temp.folder, 'halligan.db')
  const store = openStore({ path, crypto: nodeCrypto, origin })
  const grant = grantId(1)
  const at = 1_760_000_000_000 as Instant
  store.transact(at, (batch) =>
    batch.attempt((tx) => {
      for (const event of wholeStory(grant, at)) tx.append(draftOf(grant, event))
      return ok(null)
    }),
  )
  const now = store.view().grant(grant)
  const db = store.database()
  db.exec(`UPDATE projected SET version = 0; UPDATE grants SET state = '{"old":true}'`)
  const head = store.view().head()
  store.reopen()
  expect(store.view().grant(grant)).toEqual(now)
  expect(store.view().head()).toEqual(head)
  expect(compareWithReplay(store.database(), nodeCrypto)).toBeNull()
  store.close()
})
