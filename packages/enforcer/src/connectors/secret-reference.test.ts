import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isSecretReference, readSecret, type SecretReference } from './secret-reference.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'halligan-reference-'))
  await writeFile(join(dir, 'url'), '  hunter2\n', { mode: 0o600 })
  vi.stubEnv('CREDENTIALS_DIRECTORY', dir)
  vi.stubEnv('HALLIGAN_TEST_SECRET', 'hunter3')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true })
})

test('a secret is read from a file, the environment or a systemd credential', () => {
  expect(readSecret({ file: join(dir, 'url') })).toBe('hunter2')
  expect(readSecret({ env: 'HALLIGAN_TEST_SECRET' })).toBe('hunter3')
  expect(readSecret({ credential: 'url' })).toBe('hunter2')
})

test('C-07 a rotated secret is taken up without a restart', async () => {
  const reference = { file: join(dir, 'url') }
  expect(readSecret(reference)).toBe('hunter2')
  await writeFile(reference.file, 'hunter4')
  expect(readSecret(reference)).toBe('hunter4')
})

test.each<[string, SecretReference, RegExp]>([
  ['a file that is not there', { file: '/nowhere/url' }, /\/nowhere\/url .*ENOENT/],
  ['a variable that is not set', { env: 'HALLIGAN_TEST_NONE' }, /\$HALLIGAN_TEST_NONE/],
  ['a credential that systemd did not load', { credential: 'other' }, /other .*ENOENT/],
])('%s is refused by its place', (_, reference, reason) => {
  expect(() => readSecret(reference)).toThrow(reason)
})

test('an empty secret is none', async () => {
  await writeFile(join(dir, 'url'), '\n')
  expect(() => readSecret({ credential: 'url' })).toThrow(/holds no secret/)
})

test.each([
  ['the secret itself', 'hunter2'],
  ['two places', { file: '/a', env: 'A' }],
  ['a place that nobody knows', { url: 'postgres://x' }],
  ['a credential that leaves its folder', { credential: '../shadow' }],
  ['an empty file', { file: '' }],
  ['nothing', {}],
  ['a list', ['file']],
])('%s is no reference', (_, value) => {
  expect(isSecretReference(value)).toBe(false)
})
