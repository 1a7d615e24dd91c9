import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { grantee } from '../../test/postgres-grantee.ts'
import { installations } from '../../test/postgres-lab.ts'
import { CredentialRefused, type Opening } from './port.ts'
import { roleOf } from './postgres-role.ts'
import { TargetUnreachable } from './postgres-session.ts'

/** What stands at the target beside what grants say, and the connector's own standing there. */
describe.each(installations)('what is found at $name', ({ binaries }) => {
  const { at, open, enter, end, cleanup, present, leftBehind } = grantee(binaries)

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
    const before = await at.connector.snapshot(at.lab.target)
    const forged = freshGrant()
    await at.lab.asConnector(async (db) => {
      await db.query(
        `create role ${roleOf(forged)} login password 'mine' in role payments_admin`,
      )
      await db.query('create role helpful login')
      await db.query('grant payments_admin to mallory')
    })
    expect(await at.connector.standing(at.lab.target)).toContain(forged)
    const after = await at.connector.snapshot(at.lab.target)
    const found = at.connector
      .difference(before, after, at.grant)
      .map(({ what, object }) => [what, object.replace(/ \(.*/, '')])
    expect(found).toEqual(
      expect.arrayContaining([
        ['role_added', 'helpful'],
        ['membership_added', 'payments_admin to mallory by halligan_connector'],
      ]),
    )
    const strangers = await at.connector.strangers?.(at.lab.target)
    expect(strangers).toContainEqual({
      what: 'foreign_membership',
      object: 'payments_admin to mallory',
    })
    // Only from 16 on does PostgreSQL remember who made a role.
    const knowsMakers = binaries === null
    const login = { what: 'foreign_login', object: 'helpful' }
    expect(strangers?.filter(({ object }) => object === 'helpful')).toEqual(
      knowsMakers ? [login] : [],
    )
    await at.connector.end(forged, at.lab.target)
    await at.connector.cleanup(forged, at.lab.target)
    await at.lab.asConnector((db) =>
      db.query('revoke payments_admin from mallory; drop role helpful'),
    )
  })

  test('EN-26 what grants explain is no stranger', async () => {
    await open()
    expect(await at.connector.strangers?.(at.lab.target)).toEqual([])
    await end()
    await cleanup()
  })

  test('EN-26 the connector’s role has no right too many, and one given to it is named', async () => {
    const excess = async () =>
      (await at.connector.excess?.(at.lab.target))?.map(({ words }) => words)
    expect(await excess()).toEqual([])
    await at.lab.asSuperuser(async (root) => {
      await root.query('alter role halligan_connector inherit bypassrls')
      await root.query('grant payments_owner to halligan_connector')
    })
    expect(await excess()).toEqual(
      expect.arrayContaining(['bypasses row security', 'has the rights of payments_owner']),
    )
    await at.lab.asSuperuser(async (root) => {
      await root.query('revoke payments_owner from halligan_connector')
      await root.query('alter role halligan_connector noinherit nobypassrls')
    })
    expect(await excess()).toEqual([])
  })

  test('an adopted login gets back exactly what its grant says', async () => {
    const role = roleOf(at.grant)
    await at.lab.asConnector((db) =>
      db.query(
        `create role ${role} login password 'mine' valid until 'infinity' in role payments_admin`,
      ),
    )
    const db = await enter()
    const { rows } = await at.lab.asSuperuser((root) =>
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

  test('INV-25 EN-14 no lock that anybody holds on a table keeps the catalog from being read', async () => {
    await at.lab.asSuperuser((root) =>
      root.query(`create view payments.open_transfers as
          select id, state from payments.transfers where state <> 'settled';
        create function payments.noted() returns trigger language plpgsql as 'begin return new; end';
        create trigger noted before update on payments.transfers for each row
          when (new.state <> old.state) execute function payments.noted();
        create policy own_batch on payments.transfers using (batch_id > 0)`),
    )
    await at.lab.asSuperuser(async (migration) => {
      await migration.query('begin; lock table payments.transfers in access exclusive mode')
      await expect(at.connector.snapshot(at.lab.target)).resolves.toContain(
        'open_transfers',
      )
    })
    await at.lab.asSuperuser((root) =>
      root.query(`drop view payments.open_transfers;
        drop trigger noted on payments.transfers; drop function payments.noted();
        drop policy own_batch on payments.transfers`),
    )
  })

  test('EN-01 a role that could pass a role on is not conferred: what it gave away would stay', async () => {
    await at.lab.asSuperuser((root) =>
      root.query('grant payments_readonly to payments_admin with admin option'),
    )
    await expect(open('role:payments_admin')).rejects.toThrow(
      'cannot be ended again: payments_admin',
    )
    await at.lab.asSuperuser((root) =>
      root.query('revoke payments_readonly from payments_admin'),
    )
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
  })

  test('a role through which a grantee could stay for ever is not conferred', async () => {
    await at.lab.asSuperuser((root) => root.query('alter role payments_admin createrole'))
    await expect(open('role:payments_admin')).rejects.toThrow(
      'cannot be ended again: payments_admin',
    )
    await at.lab.asSuperuser((root) => root.query('alter role payments_admin nocreaterole'))
    expect(await present()).toEqual([])
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
  })

  test('a role that the connector was not given is not conferred', async () => {
    if (binaries !== null) return // Before PostgreSQL 16, CREATEROLE confers every role but superusers.
    await expect(open('role:payments_owner')).rejects.toThrow('permission denied')
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
  })

  /** PostgreSQL cuts a longer name off, and confers another role than was looked at. */
  test('EN-01 a name that PostgreSQL would cut off is no role', async () => {
    const cut = '\u00e9'.repeat(31)
    await at.lab.asSuperuser((root) => root.query(`create role "${cut}" createrole`))
    await at.lab.asSuperuser((root) =>
      root.query(`grant "${cut}" to halligan_connector with admin option`),
    )
    const privilege = `role:${cut}\u00e9`
    const opening = { grant: at.grant, privileges: [privilege] } as unknown as Opening
    expect(at.connector.refuses?.(opening)).toBe('unknown_privilege')
    await expect(open(privilege)).rejects.toThrow('not a PostgreSQL privilege')
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
    await at.lab.asSuperuser((root) => root.query(`drop role "${cut}"`))
  })

  test.each([
    'quote"s',
    "apostrophe's",
    'back\\slash',
    'new\nline',
    '$(touch x); --',
    '%s %I',
    'schl\u00fcssel \u202e',
  ])('a role named %j is conferred and taken away as it is named', async (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`
    await at.lab.asSuperuser(async (root) => {
      await root.query(`create role ${quoted} in role payments_readonly`)
      await root.query(`grant ${quoted} to halligan_connector with admin option`)
    })
    const privilege = `role:${name}`
    expect(await at.connector.lacks?.(at.lab.target, [privilege])).toEqual([])
    const db = await enter(privilege)
    await db.query(`set role ${quoted}`)
    const { rows } = await db.query('select current_user::text as name')
    expect(rows).toEqual([{ name }])
    await end()
    expect(await present()).toEqual([])
    await cleanup()
    await at.lab.asSuperuser((root) => root.query(`drop role ${quoted}`))
  })

  test('INV-20 no password stands in the log of the target', async () => {
    const first = await open()
    const second = await at.connector.reseal(at.grant, at.lab.target)
    const log = await at.lab.log()
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
    await at.lab.asSuperuser((root) =>
      root.query(`alter role halligan_connector password 'rotated'`),
    )
    const refused = await end().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CredentialRefused)
    expect(String(refused)).toContain(at.lab.urlFile)
    expect(String(refused)).not.toContain('rotated')
    const url = new URL('postgres://halligan_connector:rotated@127.0.0.1/payments')
    url.port = String(at.lab.server.port)
    await writeFile(at.lab.urlFile, url.href)
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('C-01 a target that is away is said to be unreachable, and nothing about the grant', async () => {
    await open()
    await at.lab.server.stop()
    await expect(at.connector.probeAbsent(at.grant, at.lab.target)).rejects.toThrow(
      TargetUnreachable,
    )
    await at.lab.server.restart()
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })
})
