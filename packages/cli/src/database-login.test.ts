import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { databaseLogin, psqlEnvironment, writeLoginFile } from './database-login.ts'

const good = {
  PGHOST: '127.0.0.1',
  PGPORT: '5432',
  PGDATABASE: 'payments',
  PGUSER: 'halligan_g_a',
  PGPASSWORD: 'fVd-8_x',
  PGSSLMODE: 'prefer',
}

test('a credential in the names of libpq is a login', () => {
  expect(databaseLogin(good)).toEqual({ ok: true, value: good })
})

test.each<[string, Readonly<Record<string, string>>]>([
  ['a shell in the user', { PGUSER: '$(reboot)' }],
  ['a quote in the password', { PGPASSWORD: "a'b" }],
  ['a new line in the host', { PGHOST: 'db\nexport PATH=/tmp' }],
  ['a carriage return', { PGDATABASE: 'payments\r' }],
  ['a variable that is not of libpq', { LD_PRELOAD: '/tmp/evil.so' }],
  ['a command of libpq', { PGOPTIONS: '-c role=postgres' }],
  ['an empty name', { PGUSER: '' }],
])('WB-19 %s is no login', (_, change) => {
  expect(databaseLogin({ ...good, ...change })).toMatchObject({
    ok: false,
    error: { code: 'not_a_database_login' },
  })
})

test('a login file is for its owner alone, and a refusal never quotes the password', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'halligan-login-'))
  const file = await writeLoginFile(folder, 'g', good)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(file, 'utf8')).toContain('export PGUSER=halligan_g_a\n')
  await rm(folder, { recursive: true })

  const refused = databaseLogin({ ...good, PGPASSWORD: 'se cret' })
  expect(JSON.stringify(refused)).not.toContain('se cret')
})

test('INV-20 psql inherits the login and never the passphrase of the key', () => {
  const own = { PATH: '/usr/bin', PGUSER: 'ada', HALLIGAN_PASSPHRASE: 'correct horse' }
  expect(psqlEnvironment(own, good)).toEqual({
    PATH: '/usr/bin',
    ...good,
    PGAPPNAME: 'halligan',
  })
})
