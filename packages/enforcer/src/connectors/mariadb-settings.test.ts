import { afterEach, expect, test, vi } from 'vitest'
import { hashOf } from './mariadb-account.ts'
import { clientConfig, mariadbSettings } from './mariadb-settings.ts'

const variable = 'HALLIGAN_TEST_MARIADB_URL'
const least = { kind: 'mariadb', target: 'billing-db', url: { env: variable } }
afterEach(() => vi.unstubAllEnvs())

test('the least and the most that may be set', () => {
  expect(mariadbSettings(least)).toEqual({ target: 'billing-db', url: { env: variable } })
  const most = {
    ...least,
    caFile: '/etc/halligan/ca.pem',
    reach: { host: 'db.example.org', port: 3306 },
    connectionLimit: 2,
    accounts: ['billing_emergency'],
    evidence: 'general_log',
    unendable: true,
  }
  expect({ kind: 'mariadb', ...mariadbSettings(most) }).toEqual(most)
})

test.each<[string, object, RegExp]>([
  ['an unknown setting', { sslmode: 'disable' }, /unknown field sslmode/],
  ['no place of the URL', { url: undefined }, /url is missing/],
  ['the URL itself', { url: 'mariadb://a:b@c' }, /url is malformed/],
  ['a limit of no session', { connectionLimit: 0 }, /connectionLimit is malformed/],
  ['an account of a grant', { accounts: ['hg_x'] }, /accounts is malformed/],
  ['the connector’s own account', { accounts: ['halligan_connector'] }, /accounts/],
  ['an account named twice', { accounts: ['a', 'a'] }, /accounts is malformed/],
  ['an account with a quote', { accounts: ["a'b"] }, /accounts is malformed/],
  ['evidence that is not kept', { evidence: 'slow_log' }, /evidence is malformed/],
  [
    'a reach with a word too many',
    { reach: { host: 'a', port: 1, ssl: 0 } },
    /unknown field ssl/,
  ],
])('%s is refused by its name', (_, changed, reason) => {
  expect(() => mariadbSettings({ ...least, ...changed })).toThrow(reason)
})

test.each([
  [
    'another protocol',
    'postgres://halligan_connector:x@db.example.org',
    /no mariadb:\/\/ URL/,
  ],
  ['no URL', 'hunter2', /no mariadb:\/\/ URL/],
  [
    'another account',
    'mariadb://root:hunter2@db.example.org',
    /not for halligan_connector/,
  ],
  ['an address', 'mariadb://halligan_connector:hunter2@192.0.2.1', /not 192\.0\.2\.1/],
  [
    'an IPv6 address',
    'mariadb://halligan_connector:hunter2@[2001:db8::1]',
    /not 2001:db8::1/,
  ],
])('EN-25 a URL for %s is refused, and not quoted', (_, url, reason) => {
  vi.stubEnv(variable, url)
  const refused = () => clientConfig(mariadbSettings(least))
  expect(refused).toThrow(reason)
  expect(refused).not.toThrow('hunter2')
})

test.each([
  ['localhost', false],
  ['127.0.0.1', false],
  ['[::1]', false],
  ['db.example.org', true],
  ['localhost.example.org', true],
  ['127.0.0.1.example.org', true],
])('EN-25 at %s, TLS is spoken: %s', (host, isSpoken) => {
  vi.stubEnv(variable, `mariadb://halligan_connector:p%40ss@${host}:3307/?ssl=false`)
  const config = clientConfig(mariadbSettings(least))
  expect(config.ssl !== undefined).toBe(isSpoken)
  if (isSpoken)
    expect(config.ssl).toMatchObject({ rejectUnauthorized: true, verifyIdentity: true })
  expect(config).toMatchObject({ port: 3307, password: 'p@ss' })
})

test('a password is hashed as mysql_native_password keeps it', () => {
  expect(hashOf('password')).toBe('*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19')
})
