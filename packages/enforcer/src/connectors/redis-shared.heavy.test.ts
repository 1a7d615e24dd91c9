import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId, PrincipalId } from '@halligan/core'
import { expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeAt } from '../../test/real-server.ts'
import { isAlive, redisGrantee } from '../../test/redis-grantee.ts'
import type { RedisDb } from '../../test/redis-lab.ts'
import { openVault } from '../store/vault.ts'
import type { Credential, Opening } from './port.ts'
import { hashOf } from './redis-user.ts'

const privilege = 'account:carts_emergency'
const account = 'carts_emergency'

const repairs = (db: RedisDb): Promise<boolean> =>
  db.run('HSET', 'cart:1002', 'items', '48').then(
    () => true,
    () => false,
  )

/** One account that several people may check out, one at a time, and that is sealed while nobody has it. */
describeAt('Redis', () => {
  const { at, open, end, present, close } = redisGrantee()

  const checkOut = (grant: GrantId = at.grant) => open({ privilege, grant })
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
  const refusal = (requester: string, ...privileges: readonly string[]) =>
    at.connector.refuses?.({
      grant: freshGrant(),
      requester,
      privileges: privileges.length === 0 ? [privilege] : privileges,
    } as unknown as Opening)

  test('EN-20 an account is sealed: the vault opens it, whatever opened it before does not', async () => {
    await at.lab.server.run(`acl setuser ${account} on >theirs >another`)
    const theirs = { ...(await sealed()), REDISCLI_AUTH: 'theirs' }
    const inside = await at.lab.login(theirs)
    expect(await rotate()).toEqual(proven)
    expect(await isAlive(inside)).toBe(false)
    await expect(at.lab.login(theirs)).rejects.toThrow('WRONGPASS')
    const first = await sealed()
    expect(await repairs(await at.lab.login(first))).toBe(true)
    expect(await rotate()).toEqual(proven)
    await expect(at.lab.login(first)).rejects.toThrow('WRONGPASS')
    const { hashes } = await at.lab.asRoot(async (root) => ({
      hashes: JSON.stringify(await root.run('ACL', 'GETUSER', account)).match(
        /[0-9a-f]{64}/g,
      ),
    }))
    expect(hashes).toEqual([hashOf((await sealed()).REDISCLI_AUTH ?? '')])
    const file = await readFile(at.lab.server.usersFile, 'utf8')
    expect(file).toContain(hashes?.[0])
  })

  test('INV-9 a check-out is open until its end, and what was handed out opens nothing after', async () => {
    const before = await at.connector.snapshot(at.lab.target)
    const credential = await checkOut()
    expect(credential.REDIS_USER).toBe(account)
    const db = await at.lab.login(credential)
    expect(await repairs(db)).toBe(true)
    expect(await at.connector.probePresent(at.grant, at.lab.target)).toBe(true)
    expect(await at.connector.standing(at.lab.target)).toContain(at.grant)
    expect(await present()).toContain('acl_user')
    await end()
    expect(await repairs(db)).toBe(false)
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    expect(await present()).toEqual([])
    expect(await rotate()).toEqual(proven)
    expect(await present()).toEqual([])
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    expect(await repairs(await at.lab.login(await sealed()))).toBe(true)
    const after = await at.connector.snapshot(at.lab.target)
    expect(at.connector.difference(before, after, at.grant)).toEqual([])
    await at.connector.rotate?.(account)
    await close()
  })

  test('ending once more, after the account was sealed again, does not lock it', async () => {
    await checkOut()
    await end()
    expect(await present()).toEqual([])
    await rotate()
    await end()
    await (await at.lab.login(await sealed())).leave()
    await close()
    await end()
    await (await at.lab.login(await sealed())).leave()
  })

  test('EN-17 one requester’s grants overlap without a gap, and the last one locks', async () => {
    const [first, second] = [at.grant, freshGrant()]
    const credential = await checkOut(first)
    const db = await at.lab.login(credential)
    const extended = await checkOut(second)
    expect(extended).toEqual(credential)
    expect(await repairs(db)).toBe(true)
    await end(first)
    expect(await repairs(db)).toBe(true)
    const probes = await at.connector.probeAbsent(first, at.lab.target)
    expect(probes).toMatchObject([{ probe: 'held_by_this_grant', absent: true }])
    await expect(at.connector.rotate?.(account)).rejects.toThrow(second)
    await close(first)
    const resealed = await at.connector.reseal(second, at.lab.target)
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    expect(await at.connector.probePresent(second, at.lab.target)).toBe(true)
    await end(second)
    expect(await repairs(db)).toBe(false)
    await expect(at.lab.login(resealed)).rejects.toThrow('WRONGPASS')
    await close(second)
    expect(await rotate()).toEqual(proven)
  })

  test('EN-17 a credential made anew for one of two grants leaves neither open at the end', async () => {
    const [first, second] = [at.grant, freshGrant()]
    await checkOut(first)
    await checkOut(second)
    const resealed = await at.connector.reseal(first, at.lab.target)
    await end(first)
    await close(first)
    await end(second)
    await expect(at.lab.login(resealed)).rejects.toThrow('WRONGPASS')
    await close(second)
    expect(await rotate()).toEqual(proven)
  })

  test('the account is one requester’s until their grant is all done', async () => {
    await checkOut()
    expect(refusal('ada')).toBeNull()
    expect(refusal('bob')).toBe('account_in_use')
    for (const phase of ['ending', 'closing'] as const) {
      await end()
      at.books.become(at.grant, phase)
      expect(refusal('bob')).toBe('account_in_use')
      expect(refusal('ada')).toBe('account_in_use')
    }
    await rotate()
    await at.connector.cleanup(at.grant, at.lab.target)
    at.books.forget(at.grant)
    expect(refusal('bob')).toBeNull()
    expect(refusal('bob', 'account:root')).toBe('unknown_privilege')
    expect(refusal('bob', privilege, 'acl:carts_repair')).toBe('mixed_privileges')
    expect(refusal('bob', 'acl:carts_repair', privilege)).toBe('mixed_privileges')
    expect(refusal('bob', 'nonsense')).toBe('unknown_privilege')
    expect(at.connector.sharedAccount?.([privilege])).toBe(account)
    expect(at.connector.sharedAccount?.(['acl:carts_repair'])).toBeNull()
    expect(at.connector.accounts?.()).toEqual([account])
  })

  test('EN-17 an extension that was accepted is applied, though the first grant ends meanwhile', async () => {
    const [first, second] = [at.grant, freshGrant()]
    const db = await at.lab.login(await checkOut(first))
    const asked = { requester: 'ada' as PrincipalId, privileges: [privilege] }
    at.books.keep({ grant: second, ...asked, phase: 'standing' })
    for (const phase of ['ending', 'closing'] as const) {
      await end(first)
      at.books.become(first, phase)
      await checkOut(second)
      expect(await repairs(db)).toBe(true)
      expect(await present(first)).toEqual([])
    }
    await end(second)
    expect(await repairs(db)).toBe(false)
    for (const grant of [second, first]) await close(grant)
    expect(await rotate()).toEqual(proven)
  })

  test('INV-10 too late ends what an earlier call had opened, and nothing that was sealed', async () => {
    await rotate()
    const now = await at.lab.now()
    const late = {
      ...{ grant: at.grant, target: at.lab.target, overlapKey: privilege },
      requester: 'ada' as never,
      privileges: [privilege],
      applyBefore: (now - 1) as never,
      deadline: (now + 60_000) as never,
    }
    expect(await at.connector.apply(late)).toMatchObject({ kind: 'too_late' })
    await (await at.lab.login(await sealed())).leave()
    const credential = await checkOut()
    expect(await at.connector.apply(late)).toMatchObject({ kind: 'too_late' })
    await expect(at.lab.login(credential)).rejects.toThrow('WRONGPASS')
    await end()
    await close()
    await rotate()
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

  test('a further password that somebody gave the shared account opens nothing after', async () => {
    const credential = await checkOut()
    const db = await at.lab.login(credential)
    await at.lab.server.run(`acl setuser ${account} >mine`)
    await end()
    expect(await isAlive(db)).toBe(false)
    const mine = { ...credential, REDISCLI_AUTH: 'mine' }
    await expect(at.lab.login(mine)).rejects.toThrow('WRONGPASS')
    expect(await rotate()).toEqual(proven)
    await expect(at.lab.login(mine)).rejects.toThrow('WRONGPASS')
    await close()
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
    await rotate()
    at.books.become(at.grant, 'closing')
    await at.connector.cleanup(at.grant, at.lab.target)
  })

  test.each(['nothing proposed', 'proposed, and not set', 'set, and not confirmed'])(
    'K-07 an enforcer killed with a secret %s leaves one in the vault that works',
    async (when) => {
      await rotate()
      await killedWhile(when)
      const { current, proposed } = await at.lab.vault.secrets(at.lab.target, account)
      const works = await Promise.all(
        [current, proposed].map(async (secret) =>
          at.lab.login({ ...(await sealed()), REDISCLI_AUTH: secret ?? 'none' }).then(
            () => true,
            () => false,
          ),
        ),
      )
      expect(works).toEqual([
        when !== 'set, and not confirmed',
        when === 'set, and not confirmed',
      ])
      expect(proposed === null).toBe(when === 'nothing proposed')
      expect(await rotate()).toEqual(proven)
      const settled = await at.lab.vault.secrets(at.lab.target, account)
      expect(settled.proposed).toBeNull()
      await (await at.lab.login(await sealed())).leave()
      const file = await readFile(at.lab.server.usersFile, 'utf8')
      expect(file).toContain(`#${hashOf(settled.current ?? '')}`)
    },
  )

  /** Another process rotates the account with the same vault, and kills itself at that point. */
  const killedWhile = async (when: string): Promise<void> => {
    await at.connector.close()
    const dir = await mkdtemp(join(tmpdir(), 'halligan-killed-'))
    const here = (path: string) => JSON.stringify(join(import.meta.dirname, path))
    await writeFile(
      join(dir, 'rotate.ts'),
      `import { openVault } from ${here('../store/vault.ts')}
      import { redisConnector } from ${here('redis.ts')}
      const vault = openVault(${JSON.stringify(at.lab.vaultFolder)})
      const die = () => process.kill(process.pid, 'SIGKILL')
      const dying = {
        ...vault,
        propose: async (...of) => {
          if (${JSON.stringify(when)} === 'nothing proposed') die()
          await vault.propose(...of)
          if (${JSON.stringify(when)} === 'proposed, and not set') die()
        },
        confirm: async () => die(),
      }
      const shelf = { put() {}, get: () => null, drop() {} }
      const connector = redisConnector(${JSON.stringify(at.lab.settings)}, { shelf, vault: dying, held: () => [] })
      await connector.open()
      await connector.rotate(${JSON.stringify(account)})`,
    )
    const child = spawn(process.execPath, [join(dir, 'rotate.ts')], { stdio: 'inherit' })
    const signal = await new Promise((done) => {
      child.once('exit', (_, by) => done(by))
    })
    await rm(dir, { recursive: true })
    expect(signal).toBe('SIGKILL')
    await at.connector.open()
  }

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

  test('two runs of an enforcer read the same vault', async () => {
    await rotate()
    const again = openVault(at.lab.vaultFolder)
    expect(await again.secrets(at.lab.target, account)).toEqual(
      await at.lab.vault.secrets(at.lab.target, account),
    )
  })
})
