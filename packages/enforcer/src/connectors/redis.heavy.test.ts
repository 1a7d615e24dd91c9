import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { isShown } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectorRules } from '../../../cli/src/estate/redis-server.ts'
import { memoryPorts } from '../../test/connector-ports.ts'
import { describeAt } from '../../test/real-server.ts'
import { openRedisLab, type RedisLab, sharedUser } from '../../test/redis-lab.ts'
import { describeConnector, freshGrant } from './connector.contract.ts'
import type { Connector, Credential, Held, Opening } from './port.ts'
import { redisSettings } from './redis-settings.ts'
import { userOf } from './redis-user.ts'

describeAt('Redis', () => {
  let lab: RedisLab
  beforeAll(async () => {
    lab = await openRedisLab()
  })
  afterAll(() => lab.remove())

  describeConnector('Redis', () => ({
    target: lab.target,
    privileges: ['acl:cache_repair', 'acl:cache_admin'],
    connector: (lent) => lab.connector({ ...memoryPorts(), ...lent }),
    now: async () => {
      const [seconds, micros] = (await lab.asRoot('TIME')) as string[]
      return Math.floor(Number(seconds) * 1000 + Number(micros) / 1000) as Instant
    },
    enter: async (credential) => {
      const one = await lab.login(credential)
      const hasAccess = () =>
        one.run('GET', 'cache:greeting').then(
          () => true,
          () => false,
        )
      if (!(await hasAccess())) throw new Error('no access')
      return { hasAccess, leave: async () => one.close() }
    },
    standingRightWorks: async () => (await lab.asOps('GET', 'cache:greeting')) === 'hello',
    goDown: () => lab.server.kill(),
    comeBack: () => lab.server.restart(),
    removeByHand: async (grant) => void (await lab.asRoot('ACL', 'DELUSER', userOf(grant))),
    crash: async () => {
      await lab.asRoot('CLIENT', 'KILL', 'USER', 'halligan_connector')
    },
  }))

  const openingOf = (grant: GrantId, privilege = 'acl:cache_repair'): Opening => ({
    ...{ grant, target: lab.target, requester: 'ada' as PrincipalId, overlapKey: grant },
    ...{ privileges: [privilege], applyBefore: (Date.now() + 60_000) as Instant },
    deadline: (Date.now() + 900_000) as Instant,
  })
  const openedBy = async (
    connector: Connector,
    grant: GrantId,
    privilege?: string,
  ): Promise<Credential> => {
    const applied = await connector.apply(openingOf(grant, privilege))
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const isAbsent = async (connector: Connector, grant: GrantId) =>
    (await connector.probeAbsent(grant, lab.target)).every(({ absent }) => absent)

  describe('a grantee who is inside', () => {
    let connector: Connector
    beforeAll(async () => {
      connector = lab.connector()
      await connector.open()
    })
    afterAll(() => connector.close())

    test.each<
      [string, (run: (...words: string[]) => Promise<unknown>) => Promise<unknown>]
    >([
      [
        'waits for a key',
        async (run) => void run('BLPOP', 'cache:queue', '0').catch(() => null),
      ],
      [
        'listens on a channel',
        async (run) => void run('SUBSCRIBE', 'cache:news').catch(() => null),
      ],
      [
        'has a transaction open',
        async (run) => {
          await run('MULTI')
          await run('SET', 'cache:greeting', 'bye')
        },
      ],
      [
        'asks not to be evicted',
        (run) => run('CLIENT', 'NO-EVICT', 'on').catch(() => null),
      ],
    ])('EN-02 and %s is out at the end', async (_, work) => {
      const grant = freshGrant()
      const credential = await openedBy(connector, grant)
      const one = await lab.login(credential)
      await work(one.run)
      await connector.end(grant, lab.target)
      expect(await isAbsent(connector, grant)).toBe(true)
      await expect(one.run('EXEC')).rejects.toThrow()
      await expect(lab.login(credential)).rejects.toThrow()
      expect(await lab.asRoot('GET', 'cache:greeting')).toBe('hello')
      await connector.cleanup(grant, lab.target)
    })

    test('whatever a profile says, nobody becomes an administrator or leaves code behind', async () => {
      const grant = freshGrant()
      const one = await lab.login(await openedBy(connector, grant, 'acl:cache_admin'))
      expect(await one.run('GET', 'cache:greeting')).toBe('hello')
      for (const command of [
        ['ACL', 'SETUSER', 'mallory', 'on', 'nopass', '+@all'],
        ['CONFIG', 'SET', 'requirepass', ''],
        [
          'FUNCTION',
          'LOAD',
          '#!lua name=back\nredis.register_function("door", function() end)',
        ],
        ['EVAL', 'while true do end', '0'],
        ['REPLICAOF', 'NO', 'ONE'],
        ['MODULE', 'LIST'],
        ['MIGRATE', '127.0.0.1', '1', 'cache:greeting', '0', '10'],
      ])
        await expect(one.run(...command)).rejects.toThrow(/NOPERM/)
      await connector.end(grant, lab.target)
      await connector.cleanup(grant, lab.target)
    })

    test('EN-14 a script that is still running when the grant ends is ended with it', async () => {
      const wild = lab.connector(memoryPorts(), { unendable: true })
      await connector.close()
      await wild.open()
      const grant = freshGrant()
      const one = await lab.login(await openedBy(wild, grant, 'acl:cache_admin'))
      one.run('EVAL', 'while true do end', '0').catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 300))
      await lab.asRoot('PING').catch(() => undefined)
      // Redis answers BUSY only after its own limit of five seconds.
      await expect
        .poll(
          () =>
            wild.end(grant, lab.target).then(
              () => 'ended',
              () => 'again',
            ),
          {
            timeout: 30_000,
          },
        )
        .toBe('ended')
      expect(await isAbsent(wild, grant)).toBe(true)
      await wild.cleanup(grant, lab.target)
      await wild.close()
      await connector.open()
    })

    test('no password stands in what Redis tells of commands, users or refusals', async () => {
      const monitor = await lab.login({
        REDIS_USER: 'root',
        REDISCLI_AUTH: new URL(lab.server.rootUrl).password,
      })
      const grant = freshGrant()
      const credential = await openedBy(connector, grant)
      const secret = credential.REDISCLI_AUTH ?? ''
      await lab.login({ ...credential, REDIS_USER: 'nobody' }).catch(() => undefined)
      const told = JSON.stringify([
        await monitor.run('ACL', 'LIST'),
        await monitor.run('ACL', 'LOG'),
        await monitor.run('SLOWLOG', 'GET', '100'),
        await readFile(lab.server.usersFile, 'utf8'),
      ])
      expect(told).toContain(userOf(grant))
      expect(told).not.toContain(secret)
      monitor.close()
      await connector.end(grant, lab.target)
      await connector.cleanup(grant, lab.target)
    })

    test('C-08 a user that an old file of users brings back is told, and ended again', async () => {
      const grant = freshGrant()
      await openedBy(connector, grant)
      const old = await readFile(lab.server.usersFile, 'utf8')
      await connector.end(grant, lab.target)
      await connector.cleanup(grant, lab.target)
      await lab.server.kill()
      await writeFile(lab.server.usersFile, old)
      await lab.server.restart()
      await connector.open()
      expect(await connector.standing(lab.target)).toEqual([grant])
      expect(await isAbsent(connector, grant)).toBe(false)
      await connector.end(grant, lab.target)
      expect(await isAbsent(connector, grant)).toBe(true)
      await connector.cleanup(grant, lab.target)
      await lab.server.restart()
      expect(await connector.standing(lab.target)).toEqual([])
      await connector.open()
    })

    test('EN-26 users made around Halligan, and one that an administrator made, are seen', async () => {
      await lab.asRoot(
        'ACL',
        'SETUSER',
        'halligan_g_mallory',
        'on',
        'nopass',
        '+@all',
        '~*',
      )
      expect(await connector.strangers?.(lab.target)).toEqual([
        { what: 'foreign_login', object: 'halligan_g_mallory' },
      ])
      await lab.asRoot('ACL', 'DELUSER', 'halligan_g_mallory')
      const before = await connector.snapshot(lab.target)
      await lab.asRoot('ACL', 'SETUSER', 'ops', '>another')
      await lab.asRoot(
        'FUNCTION',
        'LOAD',
        '#!lua name=back\nredis.register_function("door", function() end)',
      )
      const found = connector.difference(
        before,
        await connector.snapshot(lab.target),
        freshGrant(),
      )
      expect(found.map(({ what, object }) => `${what} ${object.slice(0, 12)}`)).toEqual([
        'appeared function lib',
        'appeared user ops on ',
        'vanished user ops on ',
      ])
      expect(JSON.stringify(found)).not.toMatch(/[0-9a-f]{64}/)
      await lab.asRoot('FUNCTION', 'DELETE', 'back')
      await lab.asRoot('ACL', 'SETUSER', 'ops', 'resetpass', '>ops')
    })

    test('the connector has no right too many, and one given to it is named', async () => {
      expect(await connector.excess?.(lab.target)).toEqual([])
      await lab.asRoot('ACL', 'SETUSER', 'halligan_connector', '~*')
      await lab.asRoot('ACL', 'SETUSER', 'default', 'on', 'nopass')
      expect((await connector.excess?.(lab.target))?.map(({ words }) => words)).toEqual([
        'may read and write every key',
        'the default user needs no password: everybody is in',
      ])
      await lab.asRoot(
        'ACL',
        'SETUSER',
        'halligan_connector',
        'resetkeys',
        '~halligan:lock:*',
      )
      await lab.asRoot('ACL', 'SETUSER', 'default', 'off', 'resetpass')
    })

    test('C-07 a credential of the connector that Redis refuses is named by its place', async () => {
      const env = 'HALLIGAN_TEST_REDIS'
      process.env[env] = lab.server.connectorUrl.replace(/:[^:@]+@/, ':wrong@')
      const stale = lab.connector(memoryPorts(), { url: { env } })
      await expect(stale.standing(lab.target)).rejects.toThrow(
        `put the new one into $${env}`,
      )
      process.env[env] = lab.server.connectorUrl
      expect(await stale.standing(lab.target)).toEqual([])
      delete process.env[env]
    })
  })

  describe('a shared account', () => {
    const privileges = [`account:${sharedUser}`]
    const as = (
      grant: GrantId,
      requester: string,
      phase: Held['phase'] = 'standing',
    ): Held => ({
      ...{ grant, privileges, phase },
      requester: requester as PrincipalId,
    })

    test('EN-17 EN-20 is checked out, counted, ended and rotated', async () => {
      let held: readonly Held[] = []
      const ports = memoryPorts(() => held)
      await ports.vault.propose(lab.target, sharedUser, 'safe')
      await ports.vault.confirm(lab.target, sharedUser)
      const connector = lab.connector(ports)
      await connector.open()
      const [first, second] = [freshGrant(), freshGrant()]
      const account = { REDIS_USER: sharedUser }
      held = [as(first, 'ada')]
      const one = await lab.login(await openedBy(connector, first, privileges[0]))
      await expect(lab.login({ ...account, REDISCLI_AUTH: 'safe' })).rejects.toThrow()
      const bob = { ...openingOf(second, privileges[0]), requester: 'bob' as PrincipalId }
      expect(connector.refuses?.(bob)).toBe('account_in_use')
      held = [as(first, 'ada'), as(second, 'ada')]
      const credential = await openedBy(connector, second, privileges[0])
      held = [as(first, 'ada', 'ending'), as(second, 'ada')]
      await connector.end(first, lab.target)
      expect(await isAbsent(connector, first)).toBe(true)
      expect(await one.run('GET', 'cache:greeting')).toBe('hello')
      held = [as(second, 'ada', 'ending')]
      expect(await isAbsent(connector, second)).toBe(false)
      await connector.end(second, lab.target)
      expect(await isAbsent(connector, second)).toBe(true)
      await expect(one.run('GET', 'cache:greeting')).rejects.toThrow()
      held = []
      const probes = (await connector.rotate?.(sharedUser)) ?? []
      expect(isShown({ kind: 'rotated', probes })).toBe(true)
      expect(probes.map(({ probe }) => probe)).toEqual(['old_secret', 'new_secret_refused'])
      await expect(lab.login(credential)).rejects.toThrow()
      const { current } = await ports.vault.secrets(lab.target, sharedUser)
      const inUse = await lab.login({ ...account, REDISCLI_AUTH: current ?? '' })
      expect(await connector.strangers?.(lab.target)).toEqual([
        { what: 'sealed_account_used', object: sharedUser },
      ])
      inUse.close()
      await connector.close()
    })
  })
})

describe('settings of the redis connector', () => {
  const sound = {
    kind: 'redis',
    target: 'cache',
    url: { env: 'REDIS_URL' },
    profiles: {
      repair: { commands: ['+get', '-@write', '+client|id'], keys: ['cache:*'] },
    },
  }
  test('are read', () => {
    expect(redisSettings(sound)).toMatchObject({ target: 'cache' })
  })
  const withProfile = (profile: unknown, name = 'repair') => ({
    profiles: { [name]: profile },
  })
  test.each([
    ['a rule in the place of a command', withProfile({ commands: ['nopass'] })],
    ['two rules in one', withProfile({ commands: ['+get ~*'] })],
    ['a line break in a pattern', withProfile({ commands: ['+get'], keys: ['a\n+@all'] })],
    ['white space in a pattern', withProfile({ commands: ['+get'], keys: ['a ~*'] })],
    [
      'a letter that looks like another',
      withProfile({ commands: ['+get'], keys: ['с:*'] }),
    ],
    ['an unknown field', withProfile({ commands: ['+get'], selectors: [] })],
    ['a name with a quote', withProfile({ commands: ['+get'] }, `re'pair`)],
    ['an account with a space', { accounts: ['a on'] }],
    ['the URL itself', { url: `redis://x:${randomBytes(4).toString('hex')}@h` }],
  ])('%s is refused', (_, more) => {
    expect(() => redisSettings({ ...sound, ...more })).toThrow(/redis connector/)
  })
})

describe('the documentation of the redis connector', () => {
  test('gives the connector the rules that the tests run it with', async () => {
    const page = await readFile(
      join(import.meta.dirname, '../../../../docs/connectors/redis.md'),
      'utf8',
    )
    expect(page).toContain(
      `user halligan_connector on >PASSWORD ${connectorRules.join(' ')}\n`,
    )
  })
})
