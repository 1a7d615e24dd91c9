import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { grantee, isAlive } from '../../test/postgres-grantee.ts'
import { installations } from '../../test/postgres-lab.ts'
import { CleanupBlocked } from './postgres-cleanup.ts'
import { roleOf } from './postgres-role.ts'
import { connectWith } from './postgres-session.ts'

const repairs = (db: pg.Client): Promise<boolean> =>
  db.query(`update payments.batches set worker = 'settle-3' where state = 'running'`).then(
    () => true,
    () => false,
  )

/** Mallory does everything, as herself and by SET ROLE, that could make ending hard. */
describe.each(installations)('ending at $name', ({ binaries }) => {
  const { at, open, enter, end, cleanup, present } = grantee(binaries)

  test('EN-01 C-04 a session after SET ROLE outlives revocation and NOLOGIN, and not an ending', async () => {
    const db = await enter()
    const role = roleOf(at.grant)
    await db.query('set role payments_repair')
    await at.lab.asSuperuser(async (root) => {
      await root.query(`alter role ${role} nologin valid until '2020-01-01'`)
      const by = 'granted by halligan_connector'
      await root.query(`revoke payments_repair from ${role} ${by}`).catch(() =>
        // PostgreSQL 15 has one row per membership, whoever granted it.
        root.query(`revoke payments_repair from ${role}`),
      )
    })
    expect(await repairs(db)).toBe(true)
    expect(await present()).toEqual(['pg_stat_activity'])
    await end()
    expect(await repairs(db)).toBe(false)
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('EN-02 an idle session is ended, not only its next login', async () => {
    const db = await enter()
    await end()
    expect(await isAlive(db)).toBe(false)
    await cleanup()
  })

  test('EN-04 objects block the drop of the login and never its ending', async () => {
    const db = await enter('role:payments_admin')
    await db.query('create table payments.kept_by_login (n int)')
    await db.query('create function payments.of_login() returns int language sql return 1')
    await end()
    expect(await present()).toEqual([])
    expect(await isAlive(db)).toBe(false)
    const blocked = await cleanup().catch((error: unknown) => error)
    expect(blocked).toBeInstanceOf(CleanupBlocked)
    expect(blocked).toMatchObject({
      objects: [
        'payments: function payments.of_login()',
        'payments: table payments.kept_by_login',
      ],
    })
    expect(await present()).toEqual([])

    await at.lab.asSuperuser((root) =>
      root.query('grant usage, create on schema payments to halligan_orphans'),
    )
    const adopting = at.lab.connector({ orphanOwner: 'halligan_orphans' })
    await adopting.cleanup(at.grant, at.lab.target)
    const { rows } = await at.lab.asSuperuser((root) =>
      root.query(`select tableowner from pg_tables where tablename = 'kept_by_login'`),
    )
    expect(rows).toEqual([{ tableowner: 'halligan_orphans' }])
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
    const known = 'select from pg_roles where rolname = $1'
    expect(
      await at.lab.asSuperuser((root) => root.query(known, [roleOf(at.grant)])),
    ).toMatchObject({
      rowCount: 0,
    })
  })

  test('EN-04 what an owner granted to the login itself is named, for only that owner can take it back', async () => {
    await open()
    const role = roleOf(at.grant)
    await at.lab.asSuperuser(async (root) => {
      await root.query(`grant select on payments.accounts to ${role}`)
      await root.query(`grant create on database elsewhere to ${role}`)
    })
    await end()
    expect(await present()).toEqual([])
    const blocked = await cleanup().catch((error: unknown) => error)
    expect(blocked).toMatchObject({
      objects: [
        'payments: database elsewhere (privileges)',
        'payments: table payments.accounts (privileges)',
      ],
    })
    await at.lab.asSuperuser((root) => root.query(`drop owned by ${role}`))
    await cleanup()
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
  })

  test('EN-14 a long transaction and its locks do not hold an ending up', async () => {
    const db = await enter('role:payments_admin')
    await db.query('begin')
    await db.query('lock table payments.transfers in access exclusive mode')
    await db.query(`alter role current_user password 'mine'`)
    const started = performance.now()
    await end()
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(await isAlive(db)).toBe(false)
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('EN-14 a grantee who locks her own role again and again is ended all the same', async () => {
    const credential = await open()
    let stop = false
    const hammer = async () => {
      while (!stop) {
        const db = await at.lab.login(credential).catch(() => null)
        if (db === null) await pause(1)
        else {
          await db.query('begin').catch(() => undefined)
          await db.query(`alter role current_user password 'mine'`).catch(() => undefined)
          await db.query('select pg_sleep(60)').catch(() => undefined)
        }
      }
    }
    const hammering = [hammer(), hammer(), hammer()]
    await pause(100)
    await end()
    stop = true
    await Promise.all(hammering)
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('a grantee who changes her password is ended, and her new password opens nothing', async () => {
    const credential = await open()
    const db = await at.lab.login(credential)
    await db.query(`alter role current_user password 'mine'`)
    await end()
    await expect(at.lab.login({ ...credential, PGPASSWORD: 'mine' })).rejects.toThrow()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('C-05 a session whose role was dropped by hand is ended with nobody to name it by', async () => {
    const db = await enter()
    await at.lab.asSuperuser((root) => root.query(`drop role ${roleOf(at.grant)}`))
    expect(await isAlive(db)).toBe(true)
    expect(await present()).toEqual(['pg_stat_activity'])
    await end()
    expect(await isAlive(db)).toBe(false)
    expect(await present()).toEqual([])
  })

  test('a membership that an administrator added by hand is taken away too', async () => {
    await open()
    await at.lab.asSuperuser((root) =>
      root.query(`grant payments_admin to ${roleOf(at.grant)}`),
    )
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('whoever was made a member of the login loses it', async () => {
    await open()
    await at.lab.asSuperuser((root) => root.query(`grant ${roleOf(at.grant)} to mallory`))
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('a prepared transaction that locks the login is rolled back', async () => {
    const db = await enter()
    await db.query('begin')
    await db.query(`alter role current_user password 'mine'`)
    await db.query(`prepare transaction 'gotcha'`)
    expect(await present()).toContain('pg_prepared_xacts')
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('INV-9 what the connector cannot undo is never called absent', async () => {
    const db = await enter()
    await db.query('begin')
    await db.query(`alter role current_user password 'mine'`)
    await db.query('set role payments_repair')
    await db.query(`prepare transaction 'as_granted_role'`)
    await expect(end()).rejects.toThrow('is not ended')
    expect(await isAlive(db)).toBe(false)
    expect(await present()).toContain('pg_authid')
    await at.lab.asSuperuser((root) => root.query(`rollback prepared 'as_granted_role'`))
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('INV-11 an apply whose commit is still on its way cannot come after the end', async () => {
    const url = { url: { file: at.lab.urlFile }, target: at.lab.target }
    const { db } = await connectWith(url)()
    await db.query('begin')
    await db.query(`set local application_name = '${roleOf(at.grant)}'`)
    await db.query(
      `create role ${roleOf(at.grant)} login password 'mine' in role payments_repair`,
    )
    expect(await present()).toEqual(['pg_stat_activity'])
    await end()
    expect(await present()).toEqual([])
    await expect(db.query('commit')).rejects.toThrow()
    expect(await present()).toEqual([])
  })

  test('an apply says in its own transaction which grant it applies', async () => {
    await open()
    const named = `set local application_name = '${roleOf(at.grant)}'`
    const log = await at.lab.log()
    const [start, name, login] = ['begin', named, `create role "${roleOf(at.grant)}"`].map(
      (statement) => log.lastIndexOf(`statement: ${statement}`),
    )
    expect(start).toBeGreaterThan(0)
    expect(name).toBeGreaterThan(start ?? 0)
    expect(login).toBeGreaterThan(name ?? 0)
    await end()
    await cleanup()
  })

  test('a grantee who takes the lock of the enforcer is thrown off it', async () => {
    const db = await enter()
    const { rows } = await at.lab.asSuperuser((root) =>
      root.query<{ key: string }>(
        `select ((classid::bigint << 32) | objid::bigint)::text as key
         from pg_locks where locktype = 'advisory'`,
      ),
    )
    const waiting = db.query('select pg_advisory_lock($1::bigint)', [rows[0]?.key])
    await at.connector.close()
    await waiting
    await at.connector.open()
    expect(await isAlive(db)).toBe(false)
    await end()
    await cleanup()
  })
})
