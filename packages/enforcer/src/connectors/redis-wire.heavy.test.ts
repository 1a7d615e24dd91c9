import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeAt } from '../../test/real-server.ts'
import { isAlive, redisGrantee } from '../../test/redis-grantee.ts'
import { type TcpProxy, tcpProxy, type Verdict } from '../../test/tcp-proxy.ts'
import type { Applied, Connector } from './port.ts'
import { userOf } from './redis-user.ts'

/** Between the enforcer and the target the network does what networks do. */
describeAt('Redis', () => {
  const { at, end, present, close } = redisGrantee()
  let proxy: TcpProxy
  let through: Connector
  beforeEach(async () => {
    await at.connector.close()
    proxy = await tcpProxy(() => at.lab.server.port)
    const url = new URL((await readFile(at.lab.urlFile, 'utf8')).trim())
    url.port = String(proxy.port)
    const file = `${at.lab.urlFile}.through`
    await writeFile(file, url.href, { mode: 0o600 })
    through = at.lab.connector(at.books, { url: { file } })
    await through.open()
  })
  afterEach(async () => {
    await through.close()
    await proxy.close()
  })

  const apply = async (millisToApply = 60_000, grant: GrantId = at.grant) => {
    const now = await at.lab.now()
    const asked = {
      grant,
      requester: 'ada' as PrincipalId,
      privileges: ['acl:carts_repair'],
    }
    at.books.keep({ ...asked, phase: 'standing' })
    return through.apply({
      ...{ ...asked, target: at.lab.target, overlapKey: 'x' },
      applyBefore: (now + millisToApply) as Instant,
      deadline: (now + 900_000) as Instant,
    })
  }
  const outcomeOf = (applying: Promise<Applied>) =>
    applying.then(
      ({ kind }) => kind,
      (error: unknown) => error,
    )
  /** What a command looks like on its way: the one that switches a user of a grant on. */
  const switchingOn = '$2\r\non\r\n'
  /** Resolves once what switches a user on is held, and everything after it. */
  const heldAtSwitchingOn = () =>
    new Promise<void>((held) => {
      let isHolding = false
      proxy.intercept((bytes) => {
        isHolding ||= bytes.includes(switchingOn)
        if (!isHolding) return 'pass'
        held()
        return 'hold'
      })
    })
  const users = () =>
    at.lab.asRoot(async (root) => (await root.run('ACL', 'USERS')) as readonly string[])

  test('P-04 an answer that is lost leaves the outcome unknown, and applying again makes no second user', async () => {
    const held = heldAtSwitchingOn()
    const applying = outcomeOf(apply())
    await held
    proxy.mute(true)
    proxy.release()
    await expect.poll(() => at.lab.connector().standing(at.lab.target)).toEqual([at.grant])
    expect(await applying).toBeInstanceOf(Error)
    proxy.mute(false)
    const again = await apply()
    if (again.kind !== 'applied') throw new Error(again.kind)
    const mine = (await users()).filter((name) => name === userOf(at.grant))
    expect(mine).toHaveLength(1)
    const db = await at.lab.login(again.credential)
    await end()
    expect(await isAlive(db)).toBe(false)
    await close()
  }, 30_000)

  test('INV-11 an apply that is still on its way when the grant ends opens nothing when it arrives', async () => {
    const held = heldAtSwitchingOn()
    const applying = outcomeOf(apply())
    await held
    await at.lab.connector(at.books).end(at.grant, at.lab.target)
    expect(await at.lab.connector(at.books).standing(at.lab.target)).toEqual([])
    proxy.release()
    expect(await applying).toMatchObject({ name: 'Overtaken' })
    expect(await users()).not.toContain(userOf(at.grant))
    expect(await present()).toEqual([])
    await close()
  })

  test('INV-11 an apply that arrives late opens nothing, whenever it set out', async () => {
    const held = heldAtSwitchingOn()
    const applying = outcomeOf(apply(500))
    await held
    await pause(600)
    proxy.release()
    expect(await applying).toBe('too_late')
    expect(await users()).not.toContain(userOf(at.grant))
    await close()
  })

  test('INV-11 an apply whose enforcer has lost the target meanwhile opens nothing', async () => {
    const held = heldAtSwitchingOn()
    const applying = outcomeOf(apply())
    await held
    await at.lab.asRoot((root) => root.run('FLUSHALL'))
    const rival = at.lab.connector(at.books)
    await rival.open()
    proxy.release()
    expect(await applying).toMatchObject({ name: 'LockLost' })
    expect(await users()).not.toContain(userOf(at.grant))
    await rival.close()
    await close()
  })

  test('P-04 an enforcer that is cut off and not noticed loses the target when its time is up', async () => {
    proxy.intercept(() => 'hold')
    const rival = at.lab.connector()
    await expect(rival.open()).rejects.toThrow(/another enforcer/)
    const keys = await at.lab.asRoot((root) => root.run('KEYS', 'halligan:lock:*'))
    const [lock = ''] = keys as readonly string[]
    const left = await at.lab.asRoot((root) => root.run('PTTL', lock))
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(15_000)
    await at.lab.asRoot((root) => root.run('PEXPIRE', lock, '50'))
    await pause(60)
    await rival.open()
    proxy.release()
    await expect(apply()).rejects.toThrow(/another enforcer/)
    expect(await users()).not.toContain(userOf(at.grant))
    await rival.close()
    await end().catch(() => undefined)
  }, 30_000)

  test.each<[string, (bytes: Buffer) => Verdict]>([
    ['nothing', () => 'hold'],
    ['garbage', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['OK to everything', () => Buffer.from('+OK\r\n')],
    ['nothing found, to everything', () => Buffer.from('*0\r\n')],
    ['null to everything', () => Buffer.from('$-1\r\n')],
  ])(
    'EN-10 C-04 a target that answers %s shows no absence, and every call settles',
    async (_, judge) => {
      await apply()
      proxy.intercept(judge)
      const started = performance.now()
      await expect(through.end(at.grant, at.lab.target)).rejects.toThrow()
      await expect(through.probeAbsent(at.grant, at.lab.target)).rejects.toThrow()
      expect(performance.now() - started).toBeLessThan(30_000)
      proxy.intercept(null)
      proxy.cut()
      expect(await present()).toEqual(['acl_user'])
      await through.end(at.grant, at.lab.target)
      await close()
    },
    60_000,
  )

  test('Q-01 ten times the same apply and the same end make and unmake one user', async () => {
    await Promise.all(Array.from({ length: 10 }, () => apply()))
    expect((await users()).filter((name) => name === userOf(at.grant))).toHaveLength(1)
    await Promise.all(
      Array.from({ length: 10 }, () => through.end(at.grant, at.lab.target)),
    )
    expect(await users()).not.toContain(userOf(at.grant))
    await close()
  })

  test('Q-02 an end that comes before anything was applied succeeds, and shows absence', async () => {
    await through.end(at.grant, at.lab.target)
    expect(await present()).toEqual([])
    expect(await users()).not.toContain(userOf(at.grant))
  })
})
