import { readFileSync } from 'node:fs'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { accessRules } from '../../test/ldap-lab.ts'
import { BadSettings } from '../strict-fields.ts'
import { ldapConnector } from './ldap.ts'
import { ldapSettings } from './ldap-settings.ts'

const sound = {
  kind: 'ldap',
  target: 'directory',
  url: 'ldaps://directory.example',
  bindDn: 'cn=connector,dc=example',
  password: { env: 'X' },
  prober: { bindDn: 'cn=prober,dc=example', password: { file: '/x' } },
  base: 'dc=example',
  lock: 'cn=lock,ou=halligan,dc=example',
  groups: { repair: 'cn=repair,dc=example', admins: { dn: 'cn=admins,dc=example' } },
  accounts: { ada: 'uid=ada,dc=example', bob: 'uid=bob,dc=example' },
  container: 'ou=grants,dc=example',
  entries: {
    repair: {
      objectClasses: ['inetOrgPerson'],
      attributes: { cn: ['{name}'], sn: ['x'] },
      groups: ['repair'],
    },
  },
  sharedAccounts: { emergency: 'uid=emergency,dc=example' },
}

describe('the settings of an ldap target', () => {
  test('are taken', () => {
    expect(ldapSettings(sound)).toMatchObject({ leaseSeconds: 6, passwordScheme: 'SSHA' })
  })

  test.each([
    [
      'EN-25 plain LDAP off loopback',
      { url: 'ldap://directory.example' },
      /startTls is needed/,
    ],
    [
      'EN-25 plain LDAP to a replica',
      { replicas: ['ldap://r.example'] },
      /startTls is needed/,
    ],
    [
      'EN-25 a switch that turns verification off',
      { insecure: true },
      /unknown field insecure/,
    ],
    ['StartTLS within TLS', { startTls: true }, /has TLS from the start/],
    ['another protocol', { url: 'https://directory.example' }, /no ldap:\/\/ or ldaps/],
    [
      'a secret in the URL',
      { url: 'ldaps://u:hunter2@h.example' },
      /a host and a port only/,
    ],
    [
      'a search in the URL',
      { url: 'ldaps://h.example/dc=x??sub' },
      /a host and a port only/,
    ],
    [
      'one bind for both',
      { prober: { bindDn: 'CN=Connector, dc=example', password: { env: 'X' } } },
      /another bind/,
    ],
    ['the password itself', { password: 'hunter2' }, /password is malformed/],
    ['a DN that is none', { base: 'example' }, /base is malformed/],
    ['a DN with a NUL', { lock: 'cn=a\0,dc=example' }, /lock is malformed/],
    [
      'a group twice',
      { groups: { a: 'cn=g,dc=x', b: 'CN=G, dc=x' }, entries: {} },
      /groups name one DN twice/,
    ],
    [
      'a person twice',
      { accounts: { a: 'cn=g,dc=x', b: 'CN=G, dc=x' } },
      /accounts name one DN twice/,
    ],
    [
      'a malformed name',
      { groups: { 'a*)(': 'cn=g,dc=x' }, entries: {} },
      /malformed name/,
    ],
    [
      'memberUid',
      { groups: { a: { dn: 'cn=g,dc=x', attribute: 'memberUid' } }, entries: {} },
      /attribute is malformed/,
    ],
    ['entries without a container', { container: undefined }, /entries need a container/],
    [
      'a profile with a group that is none',
      { entries: { a: { ...sound.entries.repair, groups: ['constructor'] } } },
      /groups is malformed/,
    ],
    [
      'a profile that sets a password',
      { entries: { a: { ...sound.entries.repair, attributes: { userPassword: ['x'] } } } },
      /attributes is malformed/,
    ],
    [
      'a profile with no name for an attribute',
      { entries: { a: { ...sound.entries.repair, attributes: { 'cn;x)': ['x'] } } } },
      /attributes is malformed/,
    ],
    ['a lease that outlives a call', { leaseSeconds: 60 }, /leaseSeconds is malformed/],
  ])('%s is refused', (_, changed, reason) => {
    const settings = () => ldapSettings({ ...sound, ...changed })
    expect(settings).toThrow(BadSettings)
    expect(settings).toThrow(reason)
    expect(settings).not.toThrow(/hunter2/)
  })
})

describe('an opening', () => {
  const books = enforcerBooks()
  const vault = {
    secrets: async () => ({ current: null, proposed: null, earlier: [], unreadable: [] }),
    propose: async () => {},
    confirm: async () => {},
    withdraw: async () => {},
  }
  const connector = ldapConnector(ldapSettings(sound), { ...books, vault })
  const opening = (privileges: readonly string[], requester = 'ada', id = 'a') => ({
    grant: `g-${id.repeat(26)}` as GrantId,
    target: 'directory',
    requester: requester as PrincipalId,
    privileges,
    overlapKey: 'x',
    applyBefore: 0 as Instant,
    deadline: 0 as Instant,
  })

  test.each([
    ['a group', ['group:repair'], 'ada', null],
    ['several groups', ['group:repair', 'group:admins'], 'ada', null],
    ['an entry', ['entry:repair'], 'mallory', null],
    ['an account', ['account:emergency'], 'ada', null],
    ['nothing', [], 'ada', 'unknown_privilege'],
    ['another kind', ['role:repair'], 'ada', 'unknown_privilege'],
    ['an unknown group', ['group:repair', 'group:wheel'], 'ada', 'unknown_privilege'],
    ['what every object has', ['group:constructor'], 'ada', 'unknown_privilege'],
    ['a DN', ['group:cn=admins,dc=example'], 'ada', 'unknown_privilege'],
    ['a filter', ['group:*)(objectClass=*'], 'ada', 'unknown_privilege'],
    ['somebody without an entry', ['group:repair'], 'mallory', 'no_account'],
    ['what every object has, as a person', ['group:repair'], 'constructor', 'no_account'],
    ['an entry and a group', ['entry:repair', 'group:repair'], 'ada', 'mixed_privileges'],
    [
      'a group and an account',
      ['group:repair', 'account:emergency'],
      'ada',
      'mixed_privileges',
    ],
  ])('for %s', (_, privileges, requester, code) => {
    expect(connector.refuses?.(opening(privileges, requester))).toBe(code)
  })

  test('EN-17 a shared account goes to one person at a time', () => {
    const [mine, next] = [
      opening(['account:emergency']),
      opening(['account:emergency'], 'ada', 'b'),
    ]
    books.keep({ ...mine, phase: 'standing' })
    expect(connector.refuses?.(next)).toBe(null)
    expect(connector.refuses?.({ ...next, requester: 'bob' as PrincipalId })).toBe(
      'account_in_use',
    )
    for (const phase of ['ending', 'closing'] as const) {
      books.become(mine.grant, phase)
      expect(connector.refuses?.(next)).toBe('account_in_use')
    }
    books.forget(mine.grant)
    expect(connector.refuses?.(next)).toBe(null)
  })
})

test('the access rules of the documentation are those that the heavy suites run with', () => {
  const page = new URL('../../../../docs/connectors/ldap.md', import.meta.url)
  const [, block = ''] = /```\n(access to .*?)```/s.exec(readFileSync(page, 'utf8')) ?? []
  const rules = block
    .split(/\n(?=access to )/)
    .map((rule) => rule.replace(/\s+/g, ' ').trim())
  expect(rules).toHaveLength(8)
  for (const rule of rules) expect(accessRules).toContain(rule)
})
