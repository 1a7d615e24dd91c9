import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import { isAlive, mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { beginLogin } from '../../test/mariadb-half-login.ts'
import { rowsOf } from '../../test/mariadb-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { accountOf, hashOf } from './mariadb-account.ts'
import { opens } from './mariadb-probe.ts'
import { connectWith, onSession } from './mariadb-session.ts'

const repairs = (db: Connection): Promise<boolean> =>
  db.query(`update billing.invoices set state = 'void' where id = 3`).then(
    () => true,
    () => false,
  )

/** Mallory does everything, as herself and by SET ROLE, that could make ending hard. */
describeAt('MariaDB', () => {
  const { at, apply, open, enter, end, present, close } = mariadbGrantee()

  test('EN-01 C-04 a session after SET ROLE outlives locking, revoking and dropping, and not an ending', async () => {
    const db = await enter()
    const account = accountOf(at.grant)
    await db.query('set role billing_repair')
    await at.lab.server.run(`alter user ${account}@'%' account lock;
      revoke billing_repair from ${account}@'%'; drop user ${account}@'%';`)
    expect(await repairs(db)).toBe(true)
    expect(await present()).toEqual(['processlist'])
    await end()
    expect(await repairs(db)).toBe(false)
    await close()
  })

  test('EN-02 an idle session is ended, not only its next login', async () => {
    const db = await enter()
    await end()
    expect(await isAlive(db)).toBe(false)
    await close()
  })

  test('EN-02 a login that is half way through when the account is locked and dropped does not arrive', async () => {
    const account = accountOf(at.grant)
    const stopping = await open()
    const { port } = at.lab.server
    const half = await beginLogin(port, account, stopping.MYSQL_PWD ?? '')
    expect(await present()).toContain('processlist')
    await end()
    expect(await half.finish()).toBe(false)
    await close()

    const grant = at.grant
    const again = await open({ grant })
    const other = await beginLogin(port, account, again.MYSQL_PWD ?? '')
    await at.lab.server.run(
      `alter user ${account}@'%' account lock; drop user ${account}@'%';`,
    )
    expect(await other.finish(), 'MariaDB itself lets it in').toBe(true)
    expect(await present()).toEqual(['processlist'])
    await end()
    await close()
    other.leave()
  })

  test('EN-02 a long running statement is ended', async () => {
    const db = await enter()
    const running = db.query('select sleep(120)').then(
      () => 'finished',
      () => 'ended',
    )
    await end()
    expect(await running).toBe('ended')
    await close()
  })

  test('EN-04 what a grantee defined as her account’s blocks nothing, and lends nobody her rights any more', async () => {
    const db = await enter({ privilege: 'role:billing_admin' })
    await db.query('create table billing.kept (n int)')
    await db.query(`create trigger billing.counted before insert on billing.kept
      for each row set new.n = (select count(*) from billing.customers)`)
    await db.query('create view billing.seen as select * from billing.customers')
    await db.query('create procedure billing.lent() select count(*) from billing.customers')
    await at.lab.server.run(
      `grant execute on billing.* to mallory@'%'; grant select on billing.seen to mallory@'%';`,
    )
    await end()
    await at.lab.asMallory(async (mallory) => {
      await expect(mallory.query('call billing.lent()')).rejects.toThrow('does not exist')
      await expect(mallory.query('select * from billing.seen')).rejects.toThrow()
    })
    const insert = 'insert into billing.kept values (1)'
    await expect(at.lab.asRoot((root) => root.query(insert))).rejects.toThrow(
      'does not exist',
    )
    await close()
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
    await at.lab.server.run(`revoke execute on billing.* from mallory@'%'; drop view billing.seen;
      drop table billing.kept; drop procedure billing.lent;`)
  })

  test('EN-14 a long transaction and its locks do not hold an ending up', async () => {
    const db = await enter({ privilege: 'role:billing_admin' })
    await db.query('start transaction')
    await db.query(`update billing.invoices set state = 'void'`)
    const other = await at.lab.login(await at.connector.reseal(at.grant, at.lab.target))
    await other.query('lock tables billing.customers write')
    const started = performance.now()
    await end()
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(await isAlive(db)).toBe(false)
    expect(await isAlive(other)).toBe(false)
    await close()
  })

  test('EN-14 a grantee who locks every table of the server, again and again, is ended all the same', async () => {
    await at.lab.server.run(`create role if not exists flusher; grant reload, select, lock tables on *.* to flusher;
      grant flusher to halligan_definer@localhost with admin option;`)
    const credential = await open({ privilege: 'role:flusher' })
    let stop = false
    const hammer = async () => {
      while (!stop) {
        const db = await at.lab.login(credential).catch(() => null)
        if (db === null) await pause(1)
        else {
          await db.query('flush tables with read lock').catch(() => undefined)
          await db.query('select sleep(60)').catch(() => undefined)
        }
      }
    }
    const hammering = [hammer(), hammer(), hammer()]
    await pause(100)
    const started = performance.now()
    await end()
    expect(performance.now() - started).toBeLessThan(10_000)
    stop = true
    await Promise.all(hammering)
    await close()
  })

  test('a grantee who changes her password is ended, and her new password opens nothing', async () => {
    const credential = await open()
    const db = await at.lab.login(credential)
    await db.query(`set password = password('mine')`)
    const mine = { ...credential, MYSQL_PWD: 'mine' }
    await (await at.lab.login(mine)).end()
    await end()
    expect(await isAlive(db)).toBe(false)
    await expect(at.lab.login(mine)).rejects.toThrow()
    await close()
  })

  test('a role, a right and another host that an administrator added by hand are taken away too', async () => {
    const credential = await open()
    const account = accountOf(at.grant)
    await at.lab.server.run(`grant billing_admin to ${account}@'%'; grant select on mysql.* to ${account}@'%';
      create user ${account}@'127.0.0.1' identified by 'other'; grant billing_admin to ${account}@'127.0.0.1';`)
    await end()
    await expect(at.lab.login({ ...credential, MYSQL_PWD: 'other' })).rejects.toThrow()
    await close()
  })

  test('INV-11 an apply that is still on its way cannot come after the end', async () => {
    const account = accountOf(at.grant)
    await onSession(connectWith(at.lab.settings), async (late) => {
      await late.query('select get_lock(?, 0)', `halligan/${account}`)
      await late.call('make_account', account, hashOf('mine'), 5, false)
      await late.call('confer', account, 'billing_repair', true)
      const mine = { user: account, password: 'mine' }
      expect(await opens(at.lab.settings, mine)).toBe(false)
      expect(await present()).toContain('processlist')
      await end()
      expect(await present()).toEqual([])
      await expect(
        late.call('unlock_account', account, Date.now() + 60_000),
      ).rejects.toThrow()
    })
    await close()
  })

  test('INV-11 the account stays locked until all of it stands, and unlocking is last', async () => {
    await open()
    const account = accountOf(at.grant)
    const log = await at.lab.log()
    const steps = ['make_account', 'confer', 'unlock_account'].map((step) =>
      log.lastIndexOf(`call halligan.${step}('${account}'`),
    )
    expect(steps[0]).toBeGreaterThan(0)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
    await end()
    await close()
  })

  test('INV-11 too late at the target answers the time of the target, and leaves nothing', async () => {
    expect(await apply({ secondsToApply: -5 })).toMatchObject({ kind: 'too_late' })
    const known = await at.lab.asRoot((db) =>
      rowsOf(
        db,
        `select User from mysql.global_priv where User = '${accountOf(at.grant)}'`,
      ),
    )
    expect(known).toEqual([])
  })

  test('EN-23 with its event scheduler on, MariaDB itself ends what is past its deadline', async () => {
    const db = await enter()
    await at.lab.asRoot((root) =>
      root.query('update halligan.deadline set until_millis = 1 where account = ?', [
        accountOf(at.grant),
      ]),
    )
    expect(await at.connector.probePresent(at.grant, at.lab.target)).toBe(false)
    const patience = performance.now() + 15_000
    while ((await isAlive(db)) && performance.now() < patience) await pause(100)
    expect(await isAlive(db)).toBe(false)
    expect(await present()).toEqual(['roles_mapping'])
    await end()
    await close()
  })

  test('a grantee who takes the lock of the enforcer is thrown off it', async () => {
    const db = await enter()
    const [held] = await at.lab.asRoot((root) =>
      rowsOf<{ name: string }>(
        root,
        `select regexp_substr(argument, 'halligan/[0-9a-f]{40}') as name from mysql.general_log
         where argument like '%get_lock(''halligan/%' and argument regexp 'halligan/[0-9a-f]{40}' limit 1`,
      ),
    )
    const waiting = db.query('select get_lock(?, 60)', [held?.name])
    await at.connector.close()
    await waiting
    await at.connector.open()
    expect(await isAlive(db)).toBe(false)
    await end()
    await close()
  })
})
