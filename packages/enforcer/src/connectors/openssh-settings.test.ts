import { expect, test } from 'vitest'
import { opensshSettings, refusalOf } from './openssh-settings.ts'

const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyZ'
const good = {
  kind: 'openssh',
  target: 'payments-hosts',
  ca: { file: '/etc/halligan/ca' },
  key: { credential: 'ssh-key' },
  hosts: { web1: { host: 'web1.example.org', hostKey } },
  profiles: { deploy: { principals: ['deploy'] } },
}

test('everything that is not said is cleared, and every host is pinned', () => {
  const { profiles, hosts, account } = opensshSettings(good)
  expect(profiles.deploy).toEqual({
    principals: ['deploy'],
    forceCommand: null,
    sourceAddress: [],
    portForwarding: false,
    agentForwarding: false,
    x11Forwarding: false,
    pty: false,
    userRc: false,
    record: false,
  })
  expect(hosts[0]).toMatchObject({ name: 'web1', port: 22, hostKey, local: false })
  expect(account).toBe('root')
})

const profile = (change: object) => ({
  profiles: { deploy: { principals: ['deploy'], ...change } },
})
const host = (change: object) => ({
  hosts: { web1: { host: 'web1', hostKey, ...change } },
})

test.each<[string, object, string]>([
  ['no authority', { ca: undefined }, 'ca is missing'],
  ['an authority in the settings themselves', { ca: '-----BEGIN' }, 'ca is malformed'],
  ['an authority that is an option', { ca: { file: '-U' } }, 'ca is malformed'],
  ['no key for hosts elsewhere', { key: undefined }, 'key is missing'],
  ['no host', { hosts: {} }, 'names no host'],
  ['EN-25 a host without its key', host({ hostKey: undefined }), 'hostKey is missing'],
  ['EN-25 a host with any key', host({ hostKey: '*' }), 'hostKey is malformed'],
  [
    'EN-25 a key with an expansion',
    host({ hostKey: `${hostKey}%d` }),
    'hostKey is malformed',
  ],
  ['a host that is an option', host({ host: '-oProxyCommand=x' }), 'host is malformed'],
  ['a host of two words', host({ host: 'a b' }), 'host is malformed'],
  ['TK-14 no principal', profile({ principals: [] }), 'principals is malformed'],
  [
    'TK-14 two principals in one',
    profile({ principals: ['a,root'] }),
    'principals is malformed',
  ],
  [
    'TK-14 a principal on two lines',
    profile({ principals: ['a\nroot'] }),
    'principals is malformed',
  ],
  ['TK-14 an empty principal', profile({ principals: [''] }), 'principals is malformed'],
  [
    'TK-14 a principal that is an option',
    profile({ principals: ['-h'] }),
    'principals is malformed',
  ],
  [
    'TK-14 a command on two lines',
    profile({ forceCommand: 'a\nb' }),
    'forceCommand is malformed',
  ],
  [
    'TK-14 a command with a zero',
    profile({ forceCommand: 'a\0' }),
    'forceCommand is malformed',
  ],
  [
    'TK-14 networks in one',
    profile({ sourceAddress: ['10.0.0.0/8,0.0.0.0/0'] }),
    'sourceAddress is malformed',
  ],
  [
    'TK-14 a network that is a pattern',
    profile({ sourceAddress: ['10.*'] }),
    'sourceAddress is malformed',
  ],
  [
    'TK-14 a negated network',
    profile({ sourceAddress: ['!10.0.0.1'] }),
    'sourceAddress is malformed',
  ],
  ['TK-14 no network', profile({ sourceAddress: [] }), 'sourceAddress is malformed'],
  ['TK-14 an option nobody knows', profile({ 'verify-required': true }), 'unknown field'],
  ['a record that begins too late', profile({ record: true, userRc: true }), 'userRc'],
  ['a helper with a word behind it', { helper: '/bin/sh -c' }, 'helper is malformed'],
  ['an account that is an option', { account: '-l' }, 'account is malformed'],
  ['a setting nobody knows', { insecure: true }, 'unknown field insecure'],
])('%s is refused with the reason', (_, change, reason) => {
  expect(() => opensshSettings({ ...good, ...change })).toThrow(reason)
})

test.each<[readonly string[], string | null]>([
  [['login:deploy'], null],
  [['login:other'], 'unknown_privilege'],
  [['login:constructor'], 'unknown_privilege'],
  [['role:deploy'], 'unknown_privilege'],
  [['login:deploy', 'login:all'], 'mixed_privileges'],
  [[], 'mixed_privileges'],
  [['login:all'], 'unendable'],
])('%j is answered %s', (privileges, code) => {
  const profiles = { ...good.profiles, all: { principals: ['root', 'deploy'] } }
  expect(refusalOf(opensshSettings({ ...good, profiles }), { privileges })).toBe(code)
  const unendable = opensshSettings({ ...good, profiles, unendable: true })
  expect(refusalOf(unendable, { privileges })).toBe(code === 'unendable' ? null : code)
})
