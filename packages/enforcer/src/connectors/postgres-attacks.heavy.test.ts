import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant } from '@halligan/core'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import { freshGrant } from './connector.contract.ts'
import type { Connector, Credential } from './port.ts'
import { CleanupBlocked } from './postgres-cleanup.ts'
import { roleOf } from './postgres-role.ts'
import { CredentialRefused, TargetUnreachable } from './postgres-session.ts'

/** Mallory has a grant and does with it, as herself or by SET ROLE, what keeps access or makes ending hard. */
describe.each(installations)('$name, against a hostile grantee', ({ binaries }) => {
  let lab: PostgresLab
  let connector: Connector
  let grant: GrantId
  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
    await lab.asSuperuser(async (db) => {
      await db.query('create database elsewhere')
      await db.query(`create role mallory login password 'mallory';
        create role halligan_orphans nologin;
        grant halligan_orphans to halligan_connector with admin option`)
    })
  })
  afterAll(() => lab.remove())
  beforeEach(async () => {
    grant = freshGrant()
    connector = lab.connector()
    await connector.open()
  })
  afterEach(() => connector.close())

  const open = async (
    privilege = 'role:payments_repair',
    id = grant,
  ): Promise<Credential> => {
    const now = await lab.now()
    const applied = await connector.apply({
      grant: id,
      target: lab.target,
      privileges: [privilege],
      overlapKey: privilege,
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + 900_000) as Instant,
    })
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const enter = async (privilege?: string) => lab.login(await open(privilege))
  const end = () => connector.end(grant, lab.target)
  const present = async (): Promise<string[]> => {
    const probes = await connector.probeAbsent(grant, lab.target)
    return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  }
  const cleanup = () => connector.cleanup(grant, lab.target)
  const repairs = (db: pg.Client): Promise<boolean> =>
    db
      .query(`update payments.batches set worker = 'settle-3' where state = 'running'`)
      .then(
        () => true,
        () => false,
      )
  const isAlive = (db: pg.Client): Promise<boolean> =>
    db.query('select').then(
      () => true,
      () => false,
    )
  const leftBehind = async (
    work: (db: pg.Client) => Promise<unknown>,
    privilege?: string,
  ) => {
    const before = await connector.snapshot(lab.target)
    const db = await enter(privilege)
    await work(db)
    await end()
    expect(await present()).toEqual([])
    const after = await connector.snapshot(lab.target)
    return connector.difference(before, after, grant)
  }

  test('EN-01 C-04 a session after SET ROLE outlives revocation and NOLOGIN, and not an ending', async () => {
    const db = await enter()
    const role = roleOf(grant)
    await db.query('set role payments_repair')
    await lab.asSuperuser(async (root) => {
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

    await lab.asSuperuser((root) =>
      root.query('grant usage, create on schema payments to halligan_orphans'),
    )
    const adopting = lab.connector({ orphanOwner: 'halligan_orphans' })
    await adopting.cleanup(grant, lab.target)
    const { rows } = await lab.asSuperuser((root) =>
      root.query(`select tableowner from pg_tables where tablename = 'kept_by_login'`),
    )
    expect(rows).toEqual([{ tableowner: 'halligan_orphans' }])
    expect(await connector.standing(lab.target)).not.toContain(grant)
    const known = 'select from pg_roles where rolname = $1'
    expect(
      await lab.asSuperuser((root) => root.query(known, [roleOf(grant)])),
    ).toMatchObject({
      rowCount: 0,
    })
  })

  test('EN-04 what an owner granted to the login itself is named, for only that owner can take it back', async () => {
    await open()
    const role = roleOf(grant)
    await lab.asSuperuser(async (root) => {
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
    await lab.asSuperuser((root) => root.query(`drop owned by ${role}`))
    await cleanup()
    expect(await connector.standing(lab.target)).not.toContain(grant)
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
        const db = await lab.login(credential).catch(() => null)
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
    const db = await lab.login(credential)
    await db.query(`alter role current_user password 'mine'`)
    await end()
    await expect(lab.login({ ...credential, PGPASSWORD: 'mine' })).rejects.toThrow()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('C-05 a session whose role was dropped by hand is ended with nobody to name it by', async () => {
    const db = await enter()
    await lab.asSuperuser((root) => root.query(`drop role ${roleOf(grant)}`))
    expect(await isAlive(db)).toBe(true)
    expect(await present()).toEqual(['pg_stat_activity'])
    await end()
    expect(await isAlive(db)).toBe(false)
    expect(await present()).toEqual([])
  })

  test('a membership that an administrator added by hand is taken away too', async () => {
    await open()
    await lab.asSuperuser((root) => root.query(`grant payments_admin to ${roleOf(grant)}`))
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('whoever was made a member of the login loses it', async () => {
    await open()
    await lab.asSuperuser((root) => root.query(`grant ${roleOf(grant)} to mallory`))
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
    await lab.asSuperuser((root) => root.query(`rollback prepared 'as_granted_role'`))
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('a grantee who takes the lock of the enforcer is thrown off it', async () => {
    const db = await enter()
    const { rows } = await lab.asSuperuser((root) =>
      root.query<{ key: string }>(
        `select ((classid::bigint << 32) | objid::bigint)::text as key
         from pg_locks where locktype = 'advisory'`,
      ),
    )
    const waiting = db.query('select pg_advisory_lock($1::bigint)', [rows[0]?.key])
    await connector.close()
    await waiting
    await connector.open()
    expect(await isAlive(db)).toBe(false)
    await end()
    await cleanup()
  })

  test('a function made under SET ROLE belongs to the granted role and is found', async () => {
    const found = await leftBehind(async (db) => {
      await db.query('set role payments_admin')
      await db.query(`create function payments.backdoor() returns bigint security definer
        language sql as 'select count(*) from payments.accounts'`)
    }, 'role:payments_admin')
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ what: 'function_added' })
    expect(found[0]?.object).toMatch(
      /^payments: payments\.backdoor\(\) \(owner=payments_admin .* SECURITY DEFINER/,
    )
    await cleanup()
  })

  test('triggers, rights, default rights, views and changed code are found', async () => {
    const found = await leftBehind(async (db) => {
      await db.query('set role payments_owner')
      await db.query(`create function payments.leak() returns trigger language plpgsql as
        'begin return new; end'`)
      await db.query(`create trigger leak before update on payments.accounts
        for each row execute function payments.leak()`)
      await db.query('grant select on payments.accounts to mallory')
      await db.query('grant update (balance_cents) on payments.accounts to mallory')
      await db.query(
        'alter default privileges in schema payments grant select on tables to mallory',
      )
      await db.query('create view payments.peek as select * from payments.accounts')
      await db.query(`create or replace function payments.release_batch(batch bigint)
        returns bigint language sql as 'select 0::bigint'`)
      await db.query('create policy all_of_it on payments.accounts to mallory using (true)')
    }, 'role:payments_admin')
    expect(
      found.map(({ what, object }) => `${what} ${object.split(' (')[0]}`).toSorted(),
    ).toEqual([
      'column_acl_added payments: payments.accounts.balance_cents',
      'default_acl_added payments: payments_owner in payments for r',
      'function_added payments: payments.leak()',
      'function_changed payments: payments.release_batch(bigint)',
      'policy_added payments: payments.accounts: all_of_it',
      'relation_added payments: payments.peek',
      'relation_changed payments: payments.accounts',
      'rule_added payments: payments.peek: _RETURN',
      'trigger_added payments: payments.accounts: leak',
    ])
    await cleanup()
  })

  test('EN-26 roles and memberships made around Halligan with its own credential are found', async () => {
    const before = await connector.snapshot(lab.target)
    const forged = freshGrant()
    await lab.asConnector(async (db) => {
      await db.query(
        `create role ${roleOf(forged)} login password 'mine' in role payments_admin`,
      )
      await db.query('create role helpful login')
      await db.query('grant payments_admin to mallory')
    })
    expect(await connector.standing(lab.target)).toContain(forged)
    const after = await connector.snapshot(lab.target)
    const found = connector
      .difference(before, after, grant)
      .map(({ what, object }) => [what, object.replace(/ \(.*/, '')])
    expect(found).toEqual(
      expect.arrayContaining([
        ['role_added', 'helpful'],
        ['membership_added', 'payments_admin to mallory by halligan_connector'],
      ]),
    )
    await connector.end(forged, lab.target)
    await connector.cleanup(forged, lab.target)
    await lab.asConnector((db) =>
      db.query('revoke payments_admin from mallory; drop role helpful'),
    )
  })

  test('an adopted login gets back exactly what its grant says', async () => {
    const role = roleOf(grant)
    await lab.asConnector((db) =>
      db.query(
        `create role ${role} login password 'mine' valid until 'infinity' in role payments_admin`,
      ),
    )
    const db = await enter()
    const { rows } = await lab.asSuperuser((root) =>
      root.query(
        `select rolconnlimit, rolvaliduntil < 'infinity' as ends,
           (select array_agg(roleid::regrole::text) from pg_auth_members where member = r.oid) as member_of
         from pg_roles r where rolname = $1`,
        [role],
      ),
    )
    expect(rows).toEqual([{ rolconnlimit: 5, ends: true, member_of: ['payments_repair'] }])
    await db.end()
    await end()
    await cleanup()
  })

  test('a role through which a grantee could stay for ever is not conferred', async () => {
    await lab.asSuperuser((root) => root.query('alter role payments_admin createrole'))
    await expect(open('role:payments_admin')).rejects.toThrow(
      'cannot be ended again: payments_admin',
    )
    await lab.asSuperuser((root) => root.query('alter role payments_admin nocreaterole'))
    expect(await present()).toEqual([])
    expect(await connector.standing(lab.target)).not.toContain(grant)
  })

  test('a role that the connector was not given is not conferred', async () => {
    if (binaries !== null) return // Before PostgreSQL 16, CREATEROLE confers every role but superusers.
    await expect(open('role:payments_owner')).rejects.toThrow('permission denied')
    expect(await connector.standing(lab.target)).not.toContain(grant)
  })

  test('INV-20 no password stands in the log of the target', async () => {
    const first = await open()
    const second = await connector.reseal(grant, lab.target)
    const log = await lab.log()
    expect(log).toContain('SCRAM-SHA-256$4096:')
    for (const secret of [first.PGPASSWORD, second.PGPASSWORD]) {
      expect(secret).toMatch(/^[\w-]{43}$/)
      expect(log).not.toContain(secret)
    }
    await end()
    await cleanup()
  })

  test('C-07 a rotated credential is named clearly, and taken up without a restart', async () => {
    await open()
    await lab.asSuperuser((root) =>
      root.query(`alter role halligan_connector password 'rotated'`),
    )
    const refused = await end().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CredentialRefused)
    expect(String(refused)).toContain(lab.urlFile)
    expect(String(refused)).not.toContain('rotated')
    const url = new URL('postgres://halligan_connector:rotated@127.0.0.1/payments')
    url.port = String(lab.server.port)
    await writeFile(lab.urlFile, url.href)
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('C-01 a target that is away is said to be unreachable, and nothing about the grant', async () => {
    await open()
    await lab.server.stop()
    await expect(connector.probeAbsent(grant, lab.target)).rejects.toThrow(
      TargetUnreachable,
    )
    await lab.server.restart()
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })
})
