import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inHome, keysIn, type Ration, readPlain, tree } from './linux-files.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'halligan-home-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const host = { before: () => [], root: () => root }
const plenty = (): Ration => ({ entries: 100, bytes: 10_000 })
const home = () =>
  inHome('', 'home_file', (ration) => tree(host, 'home_file', '/a', ration))

test('INV-25 what has become a pipe by the time it is read is not waited for', () => {
  execFileSync('mkfifo', [join(root, 'pipe')])
  expect(readPlain(join(root, 'pipe'), plenty())).toBeNull()
})

test('INV-20 what has become a link by the time it is read is not followed', () => {
  writeFileSync(join(root, 'shadow'), 'root:hash')
  symlinkSync('shadow', join(root, 'authorized_keys'))
  expect(readPlain(join(root, 'authorized_keys'), plenty())).toBeNull()
  expect(JSON.stringify(keysIn(host, '/authorized_keys', plenty()))).not.toContain('hash')
})

test('INV-25 of a home with more files than are read, one row says so', () => {
  mkdirSync(join(root, 'a'))
  for (let file = 0; file < 1001; file++) writeFileSync(join(root, 'a', `${file}`), '')
  expect(home()).toEqual([['home_file', '/', 'more than is read']])
})

test('INV-25 of a home with more bytes than are read, one row says so', () => {
  mkdirSync(join(root, 'a'))
  for (let file = 0; file < 5; file++)
    writeFileSync(join(root, 'a', `${file}`), Buffer.alloc(1024 * 1024))
  expect(home()).toEqual([['home_file', '/', 'more than is read']])
})

test('INV-25 of a home that is deeper than a path may be long, one row says so', () => {
  const chain = Array<string>(10).fill('a'.repeat(250)).join('/')
  for (const top of ['a', 'b']) mkdirSync(join(root, top, chain), { recursive: true })
  renameSync(join(root, 'b'), join(root, 'a', chain, 'b'))
  expect(home()).toEqual([['home_file', '/', 'cannot be read: ENAMETOOLONG']])
  execFileSync('rm', ['-rf', join(root, 'a')])
})

test('what is there is told: folders, files by their content, and links by where they lead', () => {
  mkdirSync(join(root, 'a'))
  writeFileSync(join(root, 'a/one'), 'x', { mode: 0o600 })
  symlinkSync('/etc', join(root, 'a/two'))
  const rows = home()
  expect(rows.map(([, object]) => object)).toEqual(['/a/', '/a/one', '/a/two'])
  expect(rows[2]?.[2]).toBe('link to /etc')
  writeFileSync(join(root, 'a/one'), 'y')
  expect(home()[1]?.[2]).not.toBe(rows[1]?.[2])
})
