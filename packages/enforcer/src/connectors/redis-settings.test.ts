import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BadSettings } from '../strict-fields.ts'
import { makeRedisConnector } from './redis.ts'
import { profilesNamed, rulesOf } from './redis-profile.ts'
import { clientOptions, redisSettings } from './redis-settings.ts'
import type { ConnectorPorts } from './registry.ts'

const sound = {
  kind: 'redis',
  target: 'carts',
  url: { env: 'REDIS_URL' },
  profiles: { repair: { commands: ['+get', '+@read'], keys: ['cart:*'] } },
  accounts: ['carts_emergency'],
}
const withRule = (commands: unknown, more: object = {}) => ({
  ...sound,
  profiles: { repair: { commands, ...more } },
})

describe('settings of the Redis connector', () => {
  test('are read, and reach nothing', () => {
    expect(redisSettings(sound)).toMatchObject({ target: 'carts' })
    makeRedisConnector(sound, {} as ConnectorPorts)
  })

  test.each<[string, object, RegExp]>([
    ['an unknown field', { ...sound, insecure: true }, /unknown field insecure/],
    ['the URL itself', { ...sound, url: 'redis://u:p@h' }, /url is malformed/],
    ['default as a shared account', { ...sound, accounts: ['default'] }, /accounts/],
    ['an account of ours', { ...sound, accounts: ['halligan_g_x'] }, /accounts/],
    ['an account with a line break', { ...sound, accounts: ['a\nb'] }, /accounts/],
    ['one account twice', { ...sound, accounts: ['a', 'a'] }, /accounts/],
    ['a name that is no name', { ...sound, profiles: { 'a b': {} } }, /no name/],
    ['a profile without commands', withRule([]), /commands is malformed/],
    ['commands that are a text', withRule('+get'), /commands is malformed/],
    ['an unknown field of a profile', withRule(['+get'], { key: ['a'] }), /unknown field/],
  ])('%s is refused', (_, settings, reason) => {
    const read = () => redisSettings(settings as typeof sound)
    expect(read).toThrow(BadSettings)
    expect(read).toThrow(reason)
  })

  test.each([
    ...['get', '+get set', '+GET', '+get\n+acl', '+', '~*', '>pw', 'nopass', '#aa', 'on'],
    ...['+@read (', 'allcommands', '+config|set|x', '+ｇet', ''],
  ])('%j is no rule about a command', (rule) => {
    expect(() => redisSettings(withRule([rule]))).toThrow(/commands is malformed/)
  })

  test.each([
    ...['', 'a b', 'a\nb', 'a\tb', 'a\0b', 'a)', '(a', 'a\u2028b', 'a\u202eb', '\ud800'],
    'x'.repeat(513),
  ])('%j is no pattern of keys', (pattern) => {
    for (const field of ['keys', 'readKeys', 'channels'])
      expect(() => redisSettings(withRule(['+get'], { [field]: [pattern] }))).toThrow(
        `${field} is malformed`,
      )
  })

  const unendable = [
    ...['+@all', '+@admin', '+@dangerous', '+@scripting', '+@pubsub'],
    ...['+acl', '+acl|setuser', '+config', '+config|set', '+module|load'],
    ...['+debug', '+script|load', '+function|load', '+eval', '+evalsha', '+eval_ro'],
    ...['+fcall', '+fcall_ro', '+monitor', '+shutdown', '+failover', '+replicaof'],
    ...['+slaveof', '+psync', '+sync', '+migrate', '+cluster|reset', '+client'],
    ...['+client|kill', '+client|pause', '+client|no-evict', '+client|tracking'],
    ...['+client|reply', '+subscribe', '+psubscribe', '+ssubscribe', '+pfdebug'],
    ...['+json.set', '+rg.pyexecute'],
  ]
  test.each(unendable)('%s is refused unless unendable is set', (rule) => {
    const settings = withRule(['+get', rule])
    expect(() => redisSettings(settings)).toThrow(`run ${rule} cannot be ended`)
    expect(() => redisSettings({ ...settings, unendable: true })).not.toThrow()
  })

  test.each([
    ...['-acl', '-@all', '-@dangerous', '+@read', '+@write', '+keys', '+info', '+flushall'],
    ...['+client|list', '+client|id', '+config'.replace('+', '-'), '+publish', '+sort'],
  ])('%s is allowed', (rule) => {
    expect(() => redisSettings(withRule([rule]))).not.toThrow()
  })
})

describe('what the URL says', () => {
  const optionsAt = (url: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'halligan-url-'))
    try {
      const file = join(folder, 'url')
      writeFileSync(file, url)
      return clientOptions({ target: 'carts', url: { file } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  test.each([
    ['redis://u:p@redis.example', true],
    ['redis://u:p@192.0.2.9', true],
    ['redis://u:p@127.0.0.1.example', true],
    ['rediss://u:p@127.0.0.1', true],
    ['redis://u:p@127.0.0.1', false],
    ['redis://u:p@[::1]:7000', false],
  ])('EN-25 at %s TLS is spoken: %s', (url, isTls) => {
    const { socket } = optionsAt(url)
    expect(socket).toMatchObject(isTls ? { tls: true, rejectUnauthorized: true } : {})
    expect(socket !== undefined && 'tls' in socket && socket.tls === true).toBe(isTls)
  })
  test.each(['http://u:p@h', 'redis://h', 'redis://:p@h', 'redis://u@h', 'nonsense'])(
    '%s is refused, and not repeated',
    (url) => {
      const thrown = (() => {
        try {
          return optionsAt(url)
        } catch (error) {
          return error
        }
      })()
      expect(thrown).toBeInstanceOf(BadSettings)
      expect(String(thrown)).not.toContain(url)
    },
  )
})

describe('privileges', () => {
  const profiles = { repair: { commands: ['+get'], keys: ['cart:*'] } }
  test.each([
    ...[
      'acl:',
      'acl:other',
      'acl:__proto__',
      'acl:constructor',
      'acl:repair ',
      'role:repair',
    ],
    ...['acl:repair\n', 'ACL:repair', 'repair', '', 'acl:+@all', 'acl:repair"'],
  ])('%j names nothing here', (privilege) => {
    expect(profilesNamed([privilege], profiles)).toBeNull()
    expect(profilesNamed(['acl:repair', privilege], profiles)).toBeNull()
  })

  test('of two profiles neither gets the keys of the other', () => {
    const two = [
      { commands: ['+get'], readKeys: ['a:*'] },
      { commands: ['+@write', '-del'], keys: ['b:*'], channels: ['c'] },
    ]
    const rules = rulesOf(two, false)
    expect(rules.filter((rule) => rule.startsWith('('))).toHaveLength(1)
    expect(rules.at(-1)).toMatch(/^\(-@all \+@write -@admin .* -del .*~b:\* .*&c\)$/)
    expect(rules.slice(0, -1).join(' ')).toMatch(/ \+get resetkeys %R~a:\* resetchannels$/)
  })

  test('what a category holds too much is taken away, and single commands come after', () => {
    const rules = rulesOf([{ commands: ['+keys', '+@write'] }], false)
    expect(rules.indexOf('+@write')).toBeLessThan(rules.indexOf('-@dangerous'))
    expect(rules.indexOf('-@dangerous')).toBeLessThan(rules.indexOf('+keys'))
  })
})
