import { expect, test } from 'vitest'
import { mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { rowsOf } from '../../test/mariadb-lab.ts'
import { describeAt } from '../../test/real-server.ts'

/** What an opening would fail for, and what it would not. */
describeAt('MariaDB', () => {
  const { at, open, end } = mariadbGrantee()

  test('what an opening would fail for is named beforehand, and nothing else', async () => {
    const { target, sharedAccount } = at.lab
    const accounts = [sharedAccount, 'nobody']
    const lacks = (...privileges: readonly string[]) =>
      at.lab.connector(at.books, { accounts }).lacks?.(target, privileges)
    await at.lab.server.run(`create role ungiven; create role risky; grant super on *.* to risky;
      grant risky to halligan_definer@localhost with admin option;`)
    const noAccount = 'there is no account nobody in halligan.shared_account'
    const given = ['role:billing_repair', `account:${sharedAccount}`]
    expect(await at.connector.lacks?.(target, given)).toEqual([])
    expect(await lacks(...given, 'role:ungiven', 'role:billing_repare')).toEqual([
      'halligan_definer holds no role ungiven WITH ADMIN OPTION',
      'halligan_definer holds no role billing_repare WITH ADMIN OPTION',
      noAccount,
    ])
    const lasting = 'access by risky cannot be ended again'
    expect(await lacks('role:risky')).toEqual([lasting, noAccount])
    await at.lab.server.run('drop role ungiven; drop role risky;')
  })

  test('a role that the connector may confer by way of another role is not lacking', async () => {
    await at.lab.server.run(`create role via; create role inner_role;
      grant inner_role to via with admin option; grant via to halligan_definer@localhost;`)
    expect(await at.connector.lacks?.(at.lab.target, ['role:inner_role'])).toEqual([])
    await open({ privilege: 'role:inner_role' })
    await end()
    await at.lab.server.run('drop role inner_role; drop role via;')
  })

  test('where root has not run the newer sql/mariadb.sql yet, that is what is lacking, and all else goes on', async () => {
    const { server, target } = at.lab
    const [made] = await at.lab.asRoot((db) =>
      rowsOf<{ 'Create Procedure': string }>(
        db,
        'show create procedure halligan.read_conferrable',
      ),
    )
    await server.run('drop procedure halligan.read_conferrable;')
    expect(await at.connector.lacks?.(target, ['role:billing_repair'])).toEqual([
      'there is no procedure halligan.read_conferrable: run sql/mariadb.sql there as root',
    ])
    await at.lab.asRoot(async (db) => {
      await db.query('use halligan')
      await db.query(made?.['Create Procedure'] ?? '')
    })
    expect(await at.connector.lacks?.(target, ['role:billing_repair'])).toEqual([])
  })
})
