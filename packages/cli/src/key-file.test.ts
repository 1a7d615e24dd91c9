import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readKeyFile, writeKeyFile } from './key-file.ts'

let folder = ''
const seed = new Uint8Array(32).map((_, i) => i)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'halligan-key-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('a key opens with its passphrase alone, and its file never holds it in clear', async () => {
  const path = join(folder, 'key.age')
  await writeKeyFile(path, seed, 'correct horse')

  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await readFile(path)).includes(seed)).toBe(false)
  expect(await readKeyFile(path, 'correct horse')).toEqual({ ok: true, value: seed })
  expect(await readKeyFile(path, 'battery staple')).toEqual({
    ok: false,
    error: { code: 'wrong_passphrase', path },
  })
})

test('a key file that others may read is not used', async () => {
  const path = join(folder, 'open.age')
  await writeKeyFile(path, seed, 'correct horse')
  await chmod(path, 0o640)
  expect(await readKeyFile(path, 'correct horse')).toEqual({
    ok: false,
    error: { code: 'key_file_open_to_others', path },
  })
})

test('a missing key file is said to be missing', async () => {
  const path = join(folder, 'none.age')
  expect(await readKeyFile(path, 'x')).toEqual({
    ok: false,
    error: { code: 'key_file_missing', path },
  })
})
