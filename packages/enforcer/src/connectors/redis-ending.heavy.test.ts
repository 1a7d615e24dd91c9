import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeAt } from '../../test/real-server.ts'
import { isAlive, redisGrantee } from '../../test/redis-grantee.ts'
import type { RedisDb } from '../../test/redis-lab.ts'
import { userOf } from './redis-user.ts'

const repairs = (db: RedisDb): Promise<boolean> =>
  db.run('HSET', 'cart:1002', 'items', '48').then(
    () => true,
    () => false,
  )

const profiles = {
  scripts: { commands: ['+eval', '+set', '+ping'], keys: ['cart:*'] },
  hears: { commands: ['+ping', '+subscribe'], channels: ['news'] },
  carts_repair: { commands: ['+@read', '+@write', '+ping'], keys: ['cart:*'] },
}

/** Mallory does everything that could make ending hard. */
describeAt('Redis', () => {
  const { at, open, enter, end, present, close } = redisGrantee({
    profiles,
    unendable: true,
  })
  const standing = () => at.connector.standing(at.lab.target)
  const asRoot = (...command: readonly string[]) =>
    at.lab.asRoot((root) => root.run(...command))

  test('EN-02 a session keeps its rights when its user is switched off, and not when it is ended', async () => {
    const db = await enter()
    await asRoot('ACL', 'SETUSER', userOf(at.grant), 'off', 'resetpass')
    expect(await repairs(db)).toBe(true)
    expect(await present()).toEqual(['acl_user', 'client_list'])
    await end()
    expect(await repairs(db)).toBe(false)
    expect(db.isOpen()).toBe(false)
    await close()
  })

  test('EN-02 clients that wait, in a transaction or for an element that never comes, are ended', async () => {
    const credential = await open()
    const [waiting, inTransaction] = await Promise.all([
      at.lab.login(credential),
      at.lab.login(credential),
    ])
    const element = waiting.run('BLPOP', 'cart:none', '0').catch(() => 'ended')
    await inTransaction.run('MULTI').catch(() => undefined)
    await end()
    expect(await element).toBe('ended')
    expect(await isAlive(inTransaction)).toBe(false)
    await close()
  })

  test('EN-14 a grantee who logs in again and again meanwhile is out all the same', async () => {
    const credential = await open()
    let stop = false
    const hammer = async () => {
      while (!stop) {
        const db = await at.lab.login(credential).catch(() => null)
        if (db === null) await pause(1)
        else if (Math.random() < 0.5) db.leave()
      }
    }
    const hammering = Array.from({ length: 4 }, hammer)
    await pause(100)
    await end()
    stop = true
    await Promise.all(hammering)
    expect(await present()).toEqual([])
    await close()
  })

  test('EN-14 a script that runs for ever is ended, and with it the grant', async () => {
    const db = await at.lab.login(await open({ privilege: 'acl:scripts' }))
    const script = db.run('EVAL', 'while true do end', '0').catch(() => 'ended')
    const started = performance.now()
    await end()
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(await script).toBe('ended')
    expect(await isAlive(db)).toBe(false)
    await close()
  }, 30_000)

  test('a subscription outlives the login that made it: which is why settings refuse it unless unendable', async () => {
    const db = await at.lab.login(await open({ privilege: 'acl:hears' }))
    await db.subscribe('news')
    await db.run('AUTH', 'ops', 'ops')
    await end()
    expect(await present()).toEqual([])
    await asRoot('PUBLISH', 'news', 'late')
    await expect.poll(() => db.heard).toEqual(['late'])
    db.leave()
    await close()
  })

  test('a subscription of the grantee as such is ended with its client', async () => {
    const db = await at.lab.login(await open({ privilege: 'acl:hears' }))
    await db.subscribe('news')
    await end()
    await asRoot('PUBLISH', 'news', 'late')
    expect([db.heard, db.isOpen()]).toEqual([[], false])
    await close()
  })

  test('a second password and further rights that somebody added are gone', async () => {
    const credential = await open()
    await asRoot('ACL', 'SETUSER', userOf(at.grant), '>mine', '+@all', '~*')
    const mine = { ...credential, REDISCLI_AUTH: 'mine' }
    const db = await at.lab.login(mine)
    expect(await at.connector.strangers?.(at.lab.target)).toEqual([
      { what: 'changed_user', object: userOf(at.grant) },
    ])
    await end()
    expect(await isAlive(db)).toBe(false)
    await expect(at.lab.login(mine)).rejects.toThrow('WRONGPASS')
    await close()
  })

  test('C-05 a user that was deleted by hand, but not in the file, does not come back by a restart', async () => {
    const credential = await open()
    await asRoot('ACL', 'DELUSER', userOf(at.grant))
    await end()
    await close()
    await at.lab.server.restart()
    expect(await standing()).toEqual([])
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
  })

  test('C-08 EN-16 a grant that an old file of users brings back is seen, and ended again', async () => {
    const credential = await open()
    const old = await readFile(at.lab.server.usersFile)
    await end()
    expect(await present()).toEqual([])
    expect(await standing()).toEqual([])
    await at.lab.server.stop()
    await writeFile(at.lab.server.usersFile, old)
    await at.lab.server.restart()
    expect(await standing()).toEqual([at.grant])
    const db = await at.lab.login(credential)
    expect(await present()).toEqual(['acl_user', 'client_list'])
    await end()
    expect(await isAlive(db)).toBe(false)
    await close()
    await at.lab.server.restart()
    expect(await standing()).toEqual([])
  })

  test('C-04 a target that cannot write its file shuts the grantee out, and is not called absent', async () => {
    const credential = await open()
    const db = await at.lab.login(credential)
    const { usersFile } = at.lab.server
    await rename(usersFile, `${usersFile}.away`)
    // A folder with something in it is not replaced by a file.
    await writeFolder(usersFile)
    await expect(end()).rejects.toThrow(/save the ACLs/)
    expect(await isAlive(db)).toBe(false)
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    expect(await present()).toEqual(['acl_user'])
    await rm(usersFile, { recursive: true })
    await rename(`${usersFile}.away`, usersFile)
    await end()
    await close()
    await at.lab.server.restart()
    expect(await standing()).toEqual([])
  })

  test('deleting by hand the key by which an enforcer holds the target opens nothing to a rival', async () => {
    const rival = at.lab.connector()
    await asRoot('FLUSHALL')
    await (await enter()).run('PING')
    await expect(rival.open()).rejects.toThrow(/another enforcer/)
    await asRoot('FLUSHALL')
    await rival.open()
    await expect(open({ grant: at.grant })).rejects.toThrow(/another enforcer/)
    await rival.close()
    await end()
    await close()
  })
})

async function writeFolder(path: string): Promise<void> {
  await mkdir(path)
  await writeFile(`${path}/something`, '')
}
