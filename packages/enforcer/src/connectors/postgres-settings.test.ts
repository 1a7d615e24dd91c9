import { expect, test } from 'vitest'
import { postgresSettings } from './postgres-settings.ts'

const url = { file: '/etc/halligan/payments-pg.url' }
const plain = { kind: 'postgres', target: 'payments-pg', url }
const tooLong = 'é'.repeat(32)

test('the least that is needed, and names of every kind, are taken', () => {
  const accounts = ['payments_emergency', 'quote"s', 'new\nline', 'é'.repeat(31)]
  expect(postgresSettings(plain)).toEqual({ target: 'payments-pg', url })
  const named = { ...plain, accounts, orphanOwner: 'halligan orphans' }
  expect(postgresSettings(named)).toMatchObject({ accounts })
})

test.each([
  ['no URL', { url: undefined }, /url is missing/],
  ['a URL as text', { url: 'postgres://x:y@db/payments' }, /url is malformed/],
  ['a setting that is unknown', { ulr: 1 }, /unknown setting ulr/],
  ['an account that PostgreSQL would cut off', { accounts: [tooLong] }, /accounts is malf/],
  ['an account with a NUL', { accounts: ['a\0b'] }, /accounts is malformed/],
  ['an account without a name', { accounts: [''] }, /accounts is malformed/],
  [
    'an owner that PostgreSQL would cut off',
    { orphanOwner: tooLong },
    /orphanOwner is malf/,
  ],
  ['no sessions at all', { connectionLimit: 0 }, /connectionLimit is malformed/],
  ['evidence of another shape', { evidence: { folder: '/' } }, /evidence is malformed/],
  ['a word for a flag', { unendable: 'yes' }, /unendable is malformed/],
])('%s is refused, and the field named', (_, more, reason) => {
  expect(() => postgresSettings({ ...plain, ...more })).toThrow(reason)
})
