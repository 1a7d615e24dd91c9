import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { makeLinuxConnector } from './linux.ts'
import { linuxSettings } from './linux-settings.ts'
import { lastSecond, rulesText } from './linux-sudoers.ts'

const settings = {
  kind: 'linux',
  target: 'payments-host',
  accounts: { ada: 'ada-adm' },
  groups: { 'payments-ops': {} },
  sudo: {
    restart: {
      runAs: ['root'],
      commands: ['/usr/bin/systemctl restart payments', '/opt/pay/bin/settle --day=today'],
    },
  },
}
const withProfile = (profile: Readonly<Record<string, unknown>>) => ({
  ...settings,
  sudo: { restart: { ...settings.sudo.restart, ...profile } },
})
const withCommand = (command: string) => withProfile({ commands: [command] })

describe('names that are read as something else', () => {
  const hostile = [
    'ada,ALL',
    'ada\nroot ALL=(ALL) ALL',
    '%wheel',
    '#0',
    '+@netgroup',
    '+netgroup',
    'ALL',
    '-a',
    '../ada',
    'ada adm',
    'ada:0',
    'ada=',
    'ada\\',
    'ada"',
    '!ada',
    'ADMINS',
    'аda',
    'ada\u202e',
    'ada\0',
    '',
    'a'.repeat(32),
  ]
  test.each(hostile)('AP-14 %j is no account, group, or user to run as', (name) => {
    expect(() => linuxSettings({ ...settings, accounts: { ada: name } })).toThrow(
      /accounts\.ada/,
    )
    expect(() => linuxSettings({ ...settings, groups: { [name]: {} } })).toThrow(/groups\./)
    expect(() =>
      linuxSettings({ ...settings, groups: { ops: { members: [name] } } }),
    ).toThrow(/members/)
    expect(() => linuxSettings(withProfile({ runAs: [name] }))).toThrow(/runAs/)
  })

  test.each(hostile)('AP-14 %j names no privilege and no person here', (name) => {
    const connector = makeLinuxConnector(settings, memoryPorts())
    const opening = {
      grant: `g-${'a'.repeat(26)}` as GrantId,
      target: 'payments-host',
      requester: 'ada' as PrincipalId,
      privileges: ['group:payments-ops'],
      overlapKey: '',
      applyBefore: 0 as Instant,
      deadline: 0 as Instant,
    }
    expect(connector.refuses?.(opening)).toBe(null)
    for (const privilege of [`group:${name}`, `sudo:${name}`, name])
      expect(connector.refuses?.({ ...opening, privileges: [privilege] })).toBe(
        'unknown_privilege',
      )
    expect(connector.refuses?.({ ...opening, requester: name as PrincipalId })).toBe(
      'no_account',
    )
  })

  test.each(['__proto__', 'constructor', 'toString'])(
    'AP-14 %s is looked up as a name and found nowhere',
    (name) => {
      const connector = makeLinuxConnector(settings, memoryPorts())
      const opening = {
        ...{ grant: `g-${'a'.repeat(26)}` as GrantId, target: 'payments-host' },
        ...{ applyBefore: 0 as Instant, deadline: 0 as Instant, overlapKey: '' },
      }
      const asked = (requester: string, privilege: string) =>
        connector.refuses?.({
          ...opening,
          requester: requester as PrincipalId,
          privileges: [privilege],
        })
      expect(asked(name, 'group:payments-ops')).toBe('no_account')
      expect(asked('ada', `group:${name}`)).toBe('unknown_privilege')
      expect(asked('ada', `sudo:${name}`)).toBe('unknown_privilege')
    },
  )
})

describe('commands that are more than one command', () => {
  test.each([
    'systemctl restart payments',
    './fix',
    '/usr/bin/../bin/bash',
    '/usr/bin/',
    '/usr//bin/settle',
    '!/usr/bin/settle',
    '/usr/bin/set*',
    '/usr/bin/settle *',
    '/usr/bin/settle [a-z]',
    '/usr/bin/settle ?',
    '^/usr/bin/settle$',
    '/usr/bin/settle ^.*$',
    '/usr/bin/settle, /bin/bash',
    '/usr/bin/settle a,\tb',
    '/usr/bin/settle\n/bin/bash',
    '/usr/bin/settle a  b',
    '/usr/bin/settle "a"',
    '/usr/bin/settle a\\ b',
    '/usr/bin/settle #0',
    '/usr/bin/settle $HOME',
    '/usr/bin/settle %d',
    'sudoedit /etc/payments',
    '/usr/bin/sudoedit /etc/payments',
    'sha256:00 /usr/bin/settle',
    '@include',
    '',
  ])('%j is refused whatever the profile says', (command) => {
    expect(() => linuxSettings(withCommand(command))).toThrow(/sudo\.restart\.commands/)
    const anyway = withProfile({ commands: [command], unendable: true })
    expect(() => linuxSettings(anyway)).toThrow(/sudo\.restart\.commands/)
  })

  test.each([
    'ALL',
    '/bin/bash',
    '/usr/bin/vim /etc/payments.conf',
    '/usr/bin/vim.tiny',
    '/usr/bin/less /var/log/payments',
    '/usr/bin/find /srv',
    '/usr/bin/python3.11 /opt/fix.py',
    '/usr/bin/env',
    '/usr/bin/systemctl',
    '/usr/bin/systemctl status payments',
    '/usr/bin/systemctl edit payments',
    '/usr/bin/systemctl restart --root=/tmp payments',
    '/usr/bin/systemctl link /tmp/evil.service',
    '/usr/bin/journalctl -u payments',
    '/usr/bin/tee /etc/payments.conf',
    '/usr/sbin/visudo',
    '/usr/bin/docker run payments',
  ])('%j can become anything, and needs to be called unendable', (command) => {
    expect(() => linuxSettings(withCommand(command))).toThrow(/unendable/)
    const said = withProfile({ commands: [command], unendable: true })
    expect(linuxSettings(said).profiles.get('restart')?.unendable).toBe(true)
  })

  test.each(['sudo', 'docker', 'disk', 'shadow'])(
    'membership in %s is root, and needs to be called unendable',
    (name) => {
      expect(() => linuxSettings({ ...settings, groups: { [name]: {} } })).toThrow(
        /unendable/,
      )
      const said = { ...settings, groups: { [name]: { unendable: true } } }
      expect(linuxSettings(said).groups.has(name)).toBe(true)
    },
  )
})

test.each([
  [{ acounts: {} }, /unknown field acounts/],
  [{ target: undefined }, /target is missing/],
  [{ accounts: ['ada'] }, /accounts is malformed/],
  [{ accounts: { ada: 'root' } }, /accounts\.ada/],
  [{ accounts: { ada: 'ops', bob: 'ops' } }, /ops is the account of two people/],
  [{ groups: {}, sudo: {} }, /neither groups nor sudo/],
  [{ sudo: { restart: { runAs: ['root'], commands: [] } } }, /commands is malformed/],
  [{ sudo: { restart: { commands: ['/bin/true'] } } }, /runAs is missing/],
  [{ sudo: { 'a b': settings.sudo.restart } }, /no name of a privilege/],
])('settings that are wrong are refused with the reason: %j', (wrong, reason) => {
  expect(() => linuxSettings({ ...settings, ...wrong })).toThrow(reason)
})

test('a rule names absolute commands with their arguments, and its last second', () => {
  const { profiles } = linuxSettings(
    withProfile({ commands: ['/usr/bin/true', '/opt/settle --day=today,now a:b'] }),
  )
  const text = rulesText({
    grant: `g-${'a'.repeat(26)}` as GrantId,
    account: 'ada-adm',
    profiles: [...profiles.values()],
    deadline: Date.UTC(2026, 2, 1, 0, 0, 0, 700) as Instant,
    now: Date.UTC(2026, 1, 28, 23, 45) as Instant,
  })
  expect(text.split('\n').slice(1)).toEqual([
    'Defaults:ada-adm use_pty',
    String.raw`ada-adm ALL = (root) NOTAFTER=20260228235959Z TIMEOUT=901 PASSWD: NOSETENV: /usr/bin/true "", /opt/settle --day\=today\,now a\:b`,
    '',
  ])
})

test('sudo lets the second of NOTAFTER pass, so that it is over before the deadline', () => {
  const second = 1_000
  for (const millis of [0, 1, 500, 999]) {
    const deadline = (Date.UTC(2026, 0, 1) + millis) as Instant
    const [, , , , , , last] =
      /^(....)(..)(..)(..)(..)(..)Z$/.exec(lastSecond(deadline)) ?? []
    expect(last).toBe('59')
    expect(Date.UTC(2025, 11, 31, 23, 59, Number(last)) + second).toBeLessThanOrEqual(
      deadline,
    )
  }
})
