import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { rowsOf } from '../../test/mariadb-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { accountOf, hashOf } from './mariadb-account.ts'
import {
  connectWith,
  onSession,
  TargetUnfit,
  TargetUnreachable,
} from './mariadb-session.ts'
import { CredentialRefused, type Difference, type Opening } from './port.ts'

const inShort = (found: readonly Difference[]) =>
  found.map(({ what, object }) => `${what} ${object.split(' (')[0]}`).toSorted()

/** What stands at the target beside what grants say, and the connector's own standing there. */
describeAt('MariaDB', () => {
  const { at, open, enter, end, present, close, leftBehind } = mariadbGrantee()

  test('what a grantee leaves behind under the role is found, and who it runs as', async () => {
    const found = await leftBehind(async (db) => {
      await db.query(`create definer = current_role procedure billing.backdoor()
        select * from billing.customers`)
      await db.query('create view billing.peek as select * from billing.customers')
      await db.query(`create trigger billing.leak before update on billing.invoices
        for each row set new.cents = 0`)
      await db.query('create table billing.hidden (n int)')
    }, 'role:billing_admin')
    expect(inShort(found)).toEqual([
      'routine_added PROCEDURE billing.backdoor',
      'table_added billing.hidden',
      'table_added billing.peek',
      'trigger_added billing.leak',
      'view_added billing.peek',
    ])
    expect(found.find(({ what }) => what === 'routine_added')?.object).toContain(
      'definer=billing_admin security=DEFINER',
    )
    await close()
    await at.lab.server.run(`drop procedure billing.backdoor; drop view billing.peek;
      drop trigger billing.leak; drop table billing.hidden;`)
  })

  test('users, roles, rights of every kind, events, servers and plugins are found, whoever owns them', async () => {
    const before = await at.connector.snapshot(at.lab.target)
    // MariaDB tells of a password's change by the second.
    await at.lab.server.run(`do sleep(1.05); create user helpful@'%' identified by 'x'; create role sleeper;
      grant billing_admin to helpful@'%' with admin option; grant select on billing.* to helpful@'%';
      grant select, insert (name) on billing.customers to helpful@'%'; grant proxy on mallory@'%' to helpful@'%';
      create procedure billing.p() select 1; grant execute on procedure billing.p to helpful@'%';
      create event billing.later on schedule every 1 day do select 1;
      create server elsewhere foreign data wrapper mysql options (host '192.0.2.7', user 'u', password 'hunter2');
      install soname 'locales'; alter user mallory@'%' identified by 'changed'; set global local_infile = off;`)
    const after = await at.connector.snapshot(at.lab.target)
    const found = at.connector.difference(before, after, at.grant)
    expect(inShort(found)).toEqual([
      "column_grant_added 'helpful'@'%' on billing.customers.name",
      'event_added billing.later',
      'plugin_added LOCALES',
      "proxy_grant_added 'helpful'@'%' as 'mallory'@'%'",
      "role_added 'sleeper'@''",
      "role_mapping_added 'billing_admin' to 'helpful'@'%'",
      "role_mapping_added 'sleeper' to 'root'@'127.0.0.1'",
      'routine_added PROCEDURE billing.p',
      "routine_grant_added 'helpful'@'%' on PROCEDURE billing.p",
      "schema_grant_added 'helpful'@'%' on billing",
      'server_added elsewhere',
      'setting_changed LOCAL_INFILE',
      "table_grant_added 'helpful'@'%' on billing.customers",
      "user_added 'helpful'@'%'",
      "user_changed 'mallory'@'%'",
    ])
    expect(after).not.toContain('hunter2')
    expect(after).not.toContain(hashOf('x').slice(1, 12))
    await at.lab.server.run(`drop user helpful@'%'; drop role sleeper; drop procedure billing.p;
      drop event billing.later; drop server elsewhere; uninstall soname 'locales'; set global local_infile = on;`)
  })

  test('EN-14 no lock that anybody holds on a table keeps the catalog from being read', async () => {
    await at.lab.asRoot(async (migration) => {
      await migration.query('lock tables billing.invoices write, billing.customers write')
      await expect(at.connector.snapshot(at.lab.target)).resolves.toContain(
        'billing.invoices',
      )
      await migration.query('unlock tables')
    })
  })

  test('a prepared transaction stays behind, belongs to nobody, and is found', async () => {
    const found = await leftBehind(async (db) => {
      await db.query(`xa start 'gotcha'`)
      await db.query(`update billing.invoices set state = 'void' where id = 3`)
      await db.query(`xa end 'gotcha'`)
      await db.query(`xa prepare 'gotcha'`)
    })
    expect(inShort(found)).toEqual(["prepared_transaction_added 'gotcha'"])
    await at.lab.server.run(`xa rollback 'gotcha';`)
    await close()
  })

  test('EN-16 C-08 a role that an administrator gives to a locked account again is drift, and ended again', async () => {
    await open()
    const account = accountOf(at.grant)
    await end()
    await close()
    await at.lab.server.run(
      `create user ${account}@'%' identified by 'back'; grant billing_repair to ${account}@'%';`,
    )
    expect(await at.connector.standing(at.lab.target)).toContain(at.grant)
    expect(await present()).toEqual(['global_priv', 'roles_mapping'])
    await end()
    await close()
  })

  test('EN-26 accounts that only look like a grant’s are strangers, and what grants explain is none', async () => {
    await open()
    const account = accountOf(at.grant)
    expect(await at.connector.strangers?.(at.lab.target)).toEqual([])
    await at.lab.server.run(
      `create user hg_helpful@'%'; create user ${account}@'10.0.0.1';`,
    )
    expect(await at.connector.strangers?.(at.lab.target)).toEqual(
      expect.arrayContaining([
        { what: 'foreign_account', object: 'hg_helpful@%' },
        { what: 'foreign_account', object: `${account}@10.0.0.1` },
      ]),
    )
    await at.lab.server.run(`drop user hg_helpful@'%';`)
    await end()
    await close()
  })

  test('EN-26 a thief of the connector’s credential reads nothing, becomes nobody, and is seen', async () => {
    const forged = freshGrant()
    const account = accountOf(forged)
    await at.lab.asConnector(async (thief) => {
      const isRefused = (sql: string) => expect(thief.query(sql), sql).rejects.toThrow()
      await isRefused('select * from billing.customers')
      await isRefused('select * from mysql.global_priv')
      await isRefused('select * from halligan.shared_account')
      await isRefused('set role billing_repair')
      await isRefused(`create user evil@'%'`)
      await isRefused(`alter user root@localhost identified by 'x'`)
      await isRefused(`call halligan.set_hash('root', '${hashOf('x')}')`)
      await isRefused(`call halligan.set_hash('mallory', '${hashOf('x')}')`)
      await isRefused(`call halligan.make_account('evil', '${hashOf('x')}', 5, false)`)
      await isRefused(`call halligan.kill_sessions('root')`)
      await isRefused(`call halligan.confer('${account}', 'dba', true)`)
      await isRefused(`call halligan.at_each_host('root', 'drop user %1')`)
      await isRefused(`call halligan.unlock_account('${account}', null)`)
      await thief.query(
        `call halligan.make_account('${account}', '${hashOf('x')}', 5, false)`,
      )
      await thief.query(`call halligan.confer('${account}', 'billing_repair', true)`)
    })
    expect(await at.connector.standing(at.lab.target)).toContain(forged)
    await at.connector.end(forged, at.lab.target)
    expect(await present(forged)).toEqual([])
  })

  test('nobody else can call the procedures, though a role let it execute everything', async () => {
    await at.lab.server.run(`create role everything; grant execute on *.* to everything;
      grant everything to halligan_definer@localhost with admin option;`)
    const db = await enter({ privilege: 'role:everything' })
    await expect(
      db.query(`call halligan.lock_account('${accountOf(freshGrant())}')`),
    ).rejects.toThrow('only halligan_connector')
    await expect(db.query(`call halligan.read_accounts()`)).rejects.toThrow()
    await end()
    await close()
  })

  test('EN-26 the connector’s account has no right too many, and one given to it is named', async () => {
    const excess = () => at.connector.excess?.(at.lab.target)
    expect(await excess()).toEqual([])
    await at.lab.server.run(`grant super on *.* to halligan_connector@'%';
      grant select on billing.* to halligan_connector@'%'; grant billing_readonly to halligan_connector@'%';
      set global event_scheduler = off;`)
    const found = await excess()
    expect(found?.map(({ grave }) => grave)).toEqual([true, true, true, false])
    const words = found?.map((each) => each.words).join('; ')
    expect(words).toMatch(/billing_readonly.*SUPER.*SELECT.*event_scheduler is off/)
    expect(JSON.stringify(found)).not.toContain('PASSWORD')
    await at.lab.server.run(`revoke super on *.* from halligan_connector@'%';
      revoke select on billing.* from halligan_connector@'%'; revoke billing_readonly from halligan_connector@'%';
      set global event_scheduler = on;`)
    expect(await excess()).toEqual([])
  })

  test.each([
    ['rights on everything', 'grant update on *.* to risky'],
    ['SUPER', 'grant super on *.* to risky'],
    ['FILE', 'grant file on *.* to risky'],
    ['CREATE USER', 'grant create user on *.* to risky'],
    ['SET USER', 'grant set user on *.* to risky'],
    ['REPLICATION SLAVE ADMIN', 'grant replication slave admin on *.* to risky'],
    ['GRANT OPTION', 'grant select on billing.* to risky with grant option'],
    [
      'GRANT OPTION on a table',
      'grant select on billing.customers to risky with grant option',
    ],
    ['a way to the accounts', 'grant insert on mysql.global_priv to risky'],
    ['a way to the procedures', 'grant alter routine on `halli%`.* to risky'],
    ['events, which run by themselves', 'grant event on billing.* to risky'],
    ['ADMIN OPTION', 'grant billing_readonly to risky with admin option'],
    ['a role that has it', 'grant super on *.* to worse; grant worse to risky'],
  ])(
    'EN-01 a role with %s cannot be ended again, and is not conferred',
    async (_, rights) => {
      await at.lab.server.run(`create role worse; create role risky; ${rights};
      grant risky to halligan_definer@localhost with admin option;`)
      await expect(open({ privilege: 'role:risky' })).rejects.toThrow(
        'cannot be ended again',
      )
      expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
      const allowing = at.lab.connector(at.books, { unendable: true })
      await at.connector.close()
      await allowing.open()
      const now = await at.lab.now()
      await expect(
        allowing.apply({
          ...{ grant: at.grant, target: at.lab.target, overlapKey: '' },
          requester: 'ada' as never,
          privileges: ['role:risky'],
          applyBefore: (now + 60_000) as never,
          deadline: (now + 60_000) as never,
        }),
      ).resolves.toMatchObject({ kind: 'applied' })
      await allowing.end(at.grant, at.lab.target)
      await allowing.close()
      await at.lab.server.run('drop role risky; drop role worse;')
    },
  )

  test('a role that the connector was not given is not conferred', async () => {
    await at.lab.server.run('create role dba;')
    await expect(open({ privilege: 'role:dba' })).rejects.toThrow('Access denied')
    await expect(open({ privilege: 'role:nowhere' })).rejects.toThrow('Invalid role')
    expect(await at.connector.standing(at.lab.target)).not.toContain(at.grant)
    expect(await present()).toEqual([])
  })

  test('several roles: the first is on from login, the others by SET ROLE', async () => {
    const now = await at.lab.now()
    const applied = await at.connector.apply({
      ...{ grant: at.grant, target: at.lab.target, overlapKey: '' },
      requester: 'ada' as never,
      privileges: ['role:billing_readonly', 'role:billing_repair'],
      applyBefore: (now + 60_000) as never,
      deadline: (now + 60_000) as never,
    })
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    const db = await at.lab.login(applied.credential)
    const update = `update billing.invoices set state = 'open' where id = 2`
    await expect(db.query(update)).rejects.toThrow('denied')
    await db.query('set role billing_repair')
    await db.query(update)
    await end()
    await close()
  })

  test.each([
    'role:quote"s',
    "role:apostrophe's",
    'role:back`tick',
    'role:new\nline',
    'role:$(touch x); --',
    'role:schl\u00fcssel',
    'role:',
    'table:billing',
    `role:${'a'.repeat(64)}`,
  ])('a privilege %j is refused before the target hears of it', async (privilege) => {
    const opening = { grant: at.grant, privileges: [privilege] } as unknown as Opening
    expect(at.connector.refuses?.(opening)).toBe('unknown_privilege')
    await expect(open({ privilege })).rejects.toThrow('unknown_privilege')
    expect(await at.lab.log()).not.toContain(accountOf(at.grant))
  })

  test.each([
    'quote"s',
    "apostrophe's",
    'back`tick',
    'new\nline',
    '$(touch x); --',
    '%1 \\',
    'schl\u00fcssel',
  ])(
    'whatever is named %j at the target is quoted, and read as it is named',
    async (name) => {
      const account = accountOf(at.grant)
      await at.lab.asRoot(async (root) => {
        await root.query('create role ??', [name])
        await root.query('grant ?? to halligan_definer@localhost with admin option', [name])
        await root.query('create table billing.?? (n int)', [name])
        await root.query('create user ??', [`u ${name}`])
      })
      await onSession(connectWith(at.lab.settings), async (session) => {
        await session.call('make_account', account, hashOf('mine'), 5, false)
        await session.call('confer', account, name, true)
        expect(await session.call('read_unendable', name)).toEqual([])
      })
      const snapshot = await at.connector.snapshot(at.lab.target)
      const kinds = JSON.parse(snapshot).map((row: string) => JSON.parse(row))
      expect(kinds).toContainEqual(['table', `billing.${name}`, 'BASE TABLE InnoDB'])
      expect(await at.connector.standing(at.lab.target)).toContain(at.grant)
      await end()
      await close()
      await at.lab.asRoot(async (root) => {
        await root.query('drop role ??', [name])
        await root.query('drop table billing.??', [name])
        await root.query('drop user ??', [`u ${name}`])
      })
    },
  )

  test('INV-20 no password stands in any log of the target', async () => {
    const first = await open()
    const second = await at.connector.reseal(at.grant, at.lab.target)
    await (await at.lab.login(second)).end()
    const [log, table] = await Promise.all([
      at.lab.log(),
      at.lab.asRoot((root) => rowsOf(root, 'select argument from mysql.general_log')),
    ])
    const all = log + JSON.stringify(table.map(Object.values).map(String))
    expect(log).toContain(hashOf(first.MYSQL_PWD ?? ''))
    for (const secret of [first.MYSQL_PWD, second.MYSQL_PWD]) {
      expect(secret).toMatch(/^[\w-]{43}$/)
      expect(all).not.toContain(secret)
    }
    await end()
    await close()
  })

  test('C-07 a rotated credential is named clearly, and taken up without a restart', async () => {
    await open()
    const url = new URL('mariadb://halligan_connector:rotated@127.0.0.1')
    url.port = String(at.lab.server.port)
    await at.lab.server.run(`alter user halligan_connector@'%' identified by 'rotated';`)
    const refused = await end().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CredentialRefused)
    expect(String(refused)).toContain(at.lab.urlFile)
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

  test('a replica, and a server without the procedures, are said to be unfit', async () => {
    await at.lab.server.run('set global read_only = on;')
    await expect(at.connector.standing(at.lab.target)).rejects.toThrow(TargetUnfit)
    await at.lab.server.run(
      'set global read_only = off; drop procedure halligan.read_server;',
    )
    await expect(at.connector.standing(at.lab.target)).rejects.toThrow(
      'run sql/mariadb.sql',
    )
  })
})
