import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Instant } from '@halligan/core'
import { ok } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keyOf, origin, tempFolder } from '../../test/log-kit.ts'
import { checkPrivate, openDatabase } from './database.ts'
import { migrate, readMigrations, schemaVersion } from './migrate.ts'
import { compareWithReplay } from './replay.ts'
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

test('K-17 a migration killed at any statement resumes, and a newer schema is refused', () => {
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
