import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectorRules, startRedis } from '../../../cli/src/estate/redis-server.ts'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeAt } from '../../test/real-server.ts'
import { redisGrantee } from '../../test/redis-grantee.ts'
import { cartProfiles } from '../../test/redis-lab.ts'
import { CredentialRefused } from './port.ts'
import { TargetUnfit, TargetUnreachable } from './redis-session.ts'
import { needed } from './redis-strangers.ts'
import { hashOf, userOf } from './redis-user.ts'

const profiles = {
  ...cartProfiles,
  carts_admin: { commands: ['+@all'], keys: ['*'], channels: ['*'] },
  odd: { commands: ['+get', '+set'], keys: ['";flushall#', "ключ'$x`", '\\x00[a-z]?'] },
}

describeAt('Redis', () => {
  const { at, open, end, present, close, leftBehind } = redisGrantee({
    profiles,
    unendable: true,
  })
  const strangers = () => at.connector.strangers?.(at.lab.target)
  const excess = () => at.connector.excess?.(at.lab.target)

  test.each<[string, readonly string[], string, RegExp]>([
    [
      'a user',
      ['ACL', 'SETUSER', 'back', 'on', '>door', '~*', '+@all'],
      'user_added',
      /^back \(on .*~\* .*\+@all\)$/,
    ],
    ['another password', ['ACL', 'SETUSER', 'ops', '>door'], 'user_changed', /^ops /],
    [
      'further rights',
      ['ACL', 'SETUSER', 'ops', '+config'],
      'user_changed',
      /^ops .*\+config/,
    ],
    ['a user deleted', ['ACL', 'DELUSER', 'ops'], 'user_removed', /^ops /],
    [
      'a library',
      [
        'FUNCTION',
        'LOAD',
        `#!lua name=door\nredis.register_function('f', function() return 1 end)`,
      ],
      'function_library_added',
      /^door \([0-9a-f]{64}\)$/,
    ],
    [
      'the default user opened',
      ['ACL', 'SETUSER', 'default', 'on', 'nopass'],
      'user_changed',
      /^default \(on nopass/,
    ],
    [
      'a setting',
      ['CONFIG', 'SET', 'protected-mode', 'yes'],
      'setting_changed',
      /^protected-mode \(yes\)$/,
    ],
    [
      'a password by setting',
      ['CONFIG', 'SET', 'masterauth', 'door'],
      'setting_changed',
      /^masterauth \([0-9a-f]{4}\)$/,
    ],
  ])(
    'the persistence diff names %s that a grantee left behind',
    async (_, command, what, object) => {
      const before = await at.lab.server.run('acl list')
      const found = await leftBehind((db) => db.run(...command), 'acl:carts_admin')
      expect(found).toHaveLength(1)
      expect(found[0]?.what).toBe(what)
      expect(found[0]?.object).toMatch(object)
      expect(found[0]?.object).not.toContain(hashOf('door'))
      await close()
      await at.lab.server.run(
        ...before
          .trim()
          .split('\n')
          .map((line) => `acl setuser ${line.slice('user '.length)}`),
        'acl setuser ops resetpass >ops -config',
        'acl setuser default off resetpass',
        'acl deluser back',
        'function flush',
        'config set protected-mode no',
        'config set masterauth ""',
      )
    },
  )

  test('EN-26 what somebody makes with the connector’s credential in its style is told', async () => {
    const grant = freshGrant()
    await at.lab.asConnector(async (thief) => {
      await thief.run('ACL', 'SETUSER', userOf(grant), 'on', '>mine', '~*', '+@all')
      await thief.run('ACL', 'SETUSER', 'halligan_g_";x', 'on', '>mine')
    })
    expect(await at.connector.standing(at.lab.target)).toEqual([grant])
    expect(await strangers()).toEqual([{ what: 'foreign_user', object: 'halligan_g_";x' }])
    await end(grant)
    expect(await present(grant)).toEqual([])
    await at.lab.asRoot((root) => root.run('ACL', 'DELUSER', 'halligan_g_";x'))
    expect(await strangers()).toEqual([])
  })

  test('EN-26 the connector’s own credential reads and writes no data, and changes no setting', async () => {
    await at.lab.asConnector(async (thief) => {
      for (const command of [
        ['GET', 'stock:chain'],
        ['SET', 'stock:chain', '0'],
        ['KEYS', '*'],
        ['FLUSHALL'],
        ['CONFIG', 'SET', 'dir', '/tmp'],
        ['EVAL', 'return 1', '0'],
        ['MONITOR'],
        ['SHUTDOWN'],
        ['REPLICAOF', 'x', '1'],
      ])
        await expect(thief.run(...command)).rejects.toThrow('NOPERM')
    })
  })

  test('the rules that are published are those that are needed, and no more', async () => {
    const page = await readFile(
      join(import.meta.dirname, '../../../../docs/connectors/redis.md'),
      'utf8',
    )
    expect(page).toContain(
      `ACL SETUSER halligan_connector on >PASSWORD ${connectorRules.join(' ')}\n`,
    )
    const commands = connectorRules.filter((rule) => rule.startsWith('+'))
    expect(commands.toSorted()).toEqual(needed.map((name) => `+${name}`).toSorted())
    const [, example = ''] = /```json\n(.*?)```/s.exec(page) ?? []
    expect(JSON.parse(example)).toEqual(cartProfiles)
    expect(await excess()).toEqual([])
  })

  test.each(commandsNeeded())(
    'without %s the connector says what it lacks, or opens nothing',
    async (rule) => {
      await at.connector.close()
      await at.lab.server.run(`acl setuser halligan_connector -${rule}`)
      const poor = at.lab.connector(at.books)
      const works = async () => {
        await poor.open()
        await poor.snapshot(at.lab.target)
        const now = await at.lab.now()
        const asked = {
          grant: at.grant,
          requester: 'ada' as never,
          privileges: ['acl:carts_repair'],
        }
        at.books.keep({ ...asked, phase: 'standing' })
        await poor.apply({
          ...{ ...asked, target: at.lab.target, overlapKey: '' },
          ...{ applyBefore: (now + 60_000) as never, deadline: (now + 60_000) as never },
        })
        await poor.standing(at.lab.target)
        await poor.end(at.grant, at.lab.target)
        await poor.evidence?.(at.grant, at.lab.target)
        const rival = at.lab.connector()
        await rival.open().catch(() => undefined)
        await poor.close()
        const last = at.lab.connector()
        await last.open()
        await last.close()
      }
      await expect(works()).rejects.toThrow('NOPERM')
      await poor.close()
      await at.lab.server.run(`acl setuser halligan_connector +${rule}`)
      await at.connector.open()
      await end()
      await close()
    },
  )

  test('a connector that may do more than it needs is told so', async () => {
    await at.lab.server.run(
      'acl setuser halligan_connector +config|set ~* &news',
      'acl setuser default on nopass',
    )
    expect(await excess()).toEqual([
      { grave: true, words: 'may run what it does not need: config|set' },
      { grave: true, words: 'may use keys that are not its own: ~*' },
      { grave: true, words: 'may use channels' },
      { grave: false, words: 'lets anybody in without a password, as the user default' },
    ])
    await at.lab.server.run(
      `acl setuser halligan_connector ${connectorRules.join(' ')}`,
      'acl setuser default off resetpass',
    )
    const missing = at.lab.connector(at.books, { accounts: ['nobody'] })
    expect(await missing.excess?.(at.lab.target)).toEqual([])
    expect(await missing.lacks?.(at.lab.target, [])).toEqual(['has no user nobody'])
    expect(await at.connector.lacks?.(at.lab.target, [])).toEqual([])
    const commands = [
      '+get',
      '+gett',
      '+client|getname',
      '-client|nme',
      '+@read',
      '+config|st',
    ]
    const mistyped = at.lab.connector(at.books, { profiles: { x: { commands } } })
    expect(await mistyped.lacks?.(at.lab.target, [])).toEqual([
      'has no command gett',
      'has no command client|nme',
      'has no command config|st',
    ])
  })

  test('INV-20 no password stands in MONITOR, the slow log, ACL LOG, the log or the file of users', async () => {
    const seen = await monitored(at.lab.server.rootUrl)
    await at.lab.asRoot((root) => root.run('CONFIG', 'SET', 'slowlog-log-slower-than', '0'))
    const first = await open()
    const second = await at.connector.reseal(at.grant, at.lab.target)
    const db = await at.lab.login(second)
    await db.run('HGET', 'cart:1001', 'items')
    await at.lab.login(first).catch(() => undefined)
    const slow = await at.lab.asRoot((root) => root.run('SLOWLOG', 'GET', '200'))
    await at.lab.asRoot((root) =>
      root.run('CONFIG', 'SET', 'slowlog-log-slower-than', '10000'),
    )
    await end()
    expect(await present()).toEqual([])
    const log = await at.lab.asRoot((root) => root.run('ACL', 'LOG'))
    const all = [
      ...[seen.text(), JSON.stringify(slow), JSON.stringify(log)],
      ...[await readFile(at.lab.server.logFile, 'utf8')],
      ...[await readFile(at.lab.server.usersFile, 'utf8')],
    ].join('\n')
    expect(seen.text()).toContain('"HGET" "cart:1001"')
    expect(JSON.stringify(slow)).toContain('SETUSER')
    for (const secret of [first.REDISCLI_AUTH, second.REDISCLI_AUTH]) {
      expect(secret).toMatch(/^[\w-]{43}$/)
      expect(all).not.toContain(secret)
    }
    seen.stop()
    await close()
  })

  test('keys with quotes, signs of shells and words of Redis count as they are written', async () => {
    const db = await at.lab.login(await open({ privilege: 'acl:odd' }))
    for (const key of ['";flushall#', "ключ'$x`"]) {
      await db.run('SET', key, 'x')
      expect(await db.run('GET', key)).toBe('x')
    }
    await expect(db.run('GET', 'cart:1001')).rejects.toThrow('NOPERM')
    await end()
    await close()
  })

  test('session evidence holds the commands that were refused to the grant’s own user, and no other’s', async () => {
    const db = await at.lab.login(await open())
    await db.run('GET', 'secret:1\n"').catch(() => undefined)
    await db.run('CONFIG', 'GET', '*').catch(() => undefined)
    await at.lab.asOps((ops) => ops.run('CONFIG', 'SET', 'dir', '/').catch(() => undefined))
    await end()
    expect(await present()).toEqual([])
    const evidence = await at.connector.evidence?.(at.grant, at.lab.target)
    expect(evidence?.complete).toBe(false)
    expect(evidence?.text.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^2\d{3}-.*Z 1x refused key "secret:1\\n\\"" 127\.0\.0\.1:\d+$/,
      ),
      expect.stringMatching(
        /^2\d{3}-.*Z 1x refused command "config\|get" 127\.0\.0\.1:\d+$/,
      ),
    ])
    await close()
  })

  test('C-07 a rotated credential is named clearly, and taken up without a restart', async () => {
    await open()
    const url = new URL((await readFile(at.lab.urlFile, 'utf8')).trim())
    await at.lab.server.run('acl setuser halligan_connector resetpass >rotated')
    const refused = await end().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CredentialRefused)
    expect(String(refused)).toContain(at.lab.urlFile)
    expect(String(refused)).not.toContain(url.password)
    url.password = 'rotated'
    await writeFile(at.lab.urlFile, url.href)
    await end()
    await close()
  })

  test('C-01 a target that is away is said to be unreachable, and nothing about the grant', async () => {
    await open()
    await at.lab.server.stop()
    await expect(at.connector.probeAbsent(at.grant, at.lab.target)).rejects.toThrow(
      TargetUnreachable,
    )
    await at.lab.server.restart()
    await end()
    await close()
  })

  test('a replica is said to be unfit', async () => {
    await at.lab.asRoot((root) => root.run('REPLICAOF', '127.0.0.1', '1'))
    await expect(at.connector.standing(at.lab.target)).rejects.toThrow(TargetUnfit)
    await at.lab.asRoot((root) => root.run('REPLICAOF', 'NO', 'ONE'))
    expect(await at.connector.standing(at.lab.target)).toEqual([])
  })

  test('another target than its own is refused', async () => {
    await expect(at.connector.snapshot('other')).rejects.toThrow('other is not')
    await expect(at.connector.end(at.grant, 'x"; flushall')).rejects.toThrow('is not')
  })

  test('a server without a file of users is served, and said to be so', async () => {
    const dir = join(at.lab.vaultFolder, '..', 'plain')
    const server = await startRedis({
      dir,
      settings: ['aclfile ""', 'user root on >plain ~* &* +@all'],
    })
    const file = join(dir, 'url')
    await writeFile(file, `redis://root:plain@127.0.0.1:${server.port}`)
    const plain = at.lab.connector(enforcerBooks(), { url: { file }, accounts: [] })
    await plain.open()
    const words = (await plain.excess?.(at.lab.target))?.map((one) => one.words)
    expect(words).toContain('has no aclfile: a restart of the target ends every grant')
    const now = await at.lab.now()
    const applied = await plain.apply({
      ...{ grant: at.grant, target: at.lab.target, overlapKey: '' },
      ...{ requester: 'ada' as never, privileges: ['acl:carts_repair'] },
      ...{ applyBefore: (now + 60_000) as never, deadline: (now + 60_000) as never },
    })
    expect(applied.kind).toBe('applied')
    await plain.end(at.grant, at.lab.target)
    const probes = await plain.probeAbsent(at.grant, at.lab.target)
    expect(probes.every(({ absent }) => absent)).toBe(true)
    await plain.close()
    await server.remove()
  })
})

function commandsNeeded(): readonly string[] {
  const onlyWhenBusy: readonly string[] = ['+script|kill', '+function|kill']
  return connectorRules
    .filter((rule) => rule.startsWith('+') && !onlyWhenBusy.includes(rule))
    .map((rule) => rule.slice(1))
}

/** Everything that Redis shows whoever watches it. */
async function monitored(rootUrl: string) {
  const { port, password } = new URL(rootUrl)
  const socket = connect(Number(port), '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  socket.write(`AUTH root ${password}\r\nMONITOR\r\n`)
  await expect.poll(() => text).toBe('+OK\r\n+OK\r\n')
  return { text: () => text, stop: () => socket.destroy() }
}
