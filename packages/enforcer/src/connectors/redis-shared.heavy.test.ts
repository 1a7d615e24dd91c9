import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeAt } from '../../test/real-server.ts'
import { redisGrantee } from '../../test/redis-grantee.ts'
import type { Credential } from './port.ts'
import { hashOf } from './redis-user.ts'

const privilege = 'account:carts_emergency'
const account = 'carts_emergency'

/** What is Redis's own of a shared account; all else is in shared-account.contract.ts. */
describeAt('Redis', () => {
  const { at, open, end, present, close } = redisGrantee()

  const checkOut = () => open({ privilege })
  const rotate = async () => {
    const probes = await at.connector.rotate?.(account)
    return probes?.map(({ probe, absent }) => `${probe}: ${absent}`)
  }
  const proven = ['old_secret: true', 'new_secret_refused: true']
  const sealed = async (): Promise<Credential> => {
    const { current } = await at.lab.vault.secrets(at.lab.target, account)
    return {
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(at.lab.server.port),
      REDIS_USER: account,
      REDISCLI_AUTH: current ?? 'none',
    }
  }

  test('EN-20 of its secret Redis has one hash, whatever it had before, and its file as well', async () => {
    await at.lab.server.run(`acl setuser ${account} on >theirs >another`)
    await rotate()
    const user = await at.lab.asRoot((root) => root.run('ACL', 'GETUSER', account))
    const hashes = JSON.stringify(user).match(/[0-9a-f]{64}/g)
    expect(hashes).toEqual([hashOf((await sealed()).REDISCLI_AUTH ?? '')])
    const file = await readFile(at.lab.server.usersFile, 'utf8')
    expect(file).toContain(`#${hashes?.[0]}`)
  })

  test('EN-26 a sealed account that is used without a grant, changed or locked by hand is told', async () => {
    const strangers = () => at.connector.strangers?.(at.lab.target)
    await rotate()
    expect(await strangers()).toEqual([])
    const db = await at.lab.login(await sealed())
    const used = { what: 'sealed_account_used', object: `${account} from 127.0.0.1` }
    expect(await strangers()).toEqual([used])
    await at.lab.server.run(`acl setuser ${account} >theirs`)
    expect(await strangers()).toEqual([
      { what: 'shared_account_changed', object: account },
      used,
    ])
    db.leave()
    await at.lab.server.run(`acl setuser ${account} off`)
    expect(await strangers()).toContainEqual({
      what: 'sealed_account_locked',
      object: account,
    })
    expect(await rotate()).toEqual(proven)
    expect(await strangers()).toEqual([])
    const inside = await at.lab.login(await checkOut())
    expect(await strangers()).toEqual([])
    inside.leave()
    await end()
    await close()
    await rotate()
  })

  test('session evidence of a shared account begins when it was checked out', async () => {
    await rotate()
    const own = await at.lab.login(await sealed())
    await own.run('GET', 'secret:4711').catch(() => undefined)
    own.leave()
    const db = await at.lab.login(await checkOut())
    await db.run('GET', 'secret:4712').catch(() => undefined)
    await end()
    at.books.shelf.drop(at.grant, at.lab.target)
    const evidence = await at.connector.evidence?.(at.grant, at.lab.target)
    expect(evidence?.text).toContain('refused command "get"')
    expect(evidence?.text.split('\n')).toHaveLength(2)
    expect(evidence?.complete).toBe(false)
    at.books.become(at.grant, 'closing')
    await rotate()
    await at.connector.cleanup(at.grant, at.lab.target)
  })

  test('C-04 an account that is shut, but not in the file of users, is not called absent', async () => {
    const credential = await checkOut()
    const { usersFile } = at.lab.server
    await rename(usersFile, `${usersFile}.away`)
    // A folder with something in it is not replaced by a file.
    await mkdir(join(usersFile, 'something'), { recursive: true })
    await expect(end()).rejects.toThrow(/save the ACLs/)
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    expect(await present()).toEqual(['acl_file'])
    await rm(usersFile, { recursive: true })
    await rename(`${usersFile}.away`, usersFile)
    await end()
    await at.lab.server.restart()
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    await close()
    await rotate()
  })

  test('an account that could not be ended is not checked out, and what it may do is told', async () => {
    await at.lab.server.run(`acl setuser ${account} +config +subscribe &*`)
    await expect(checkOut()).rejects.toThrow(
      `${account} cannot be ended again: config set, subscribe x`,
    )
    await at.lab.server.run(`acl setuser ${account} -config -subscribe resetchannels`)
    await end()
    await close()
    await rotate()
  })
})
