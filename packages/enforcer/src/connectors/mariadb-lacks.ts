/**
 * What an opening would fail for, found before the night it is needed. Nothing is made or changed to find out.
 *
 * @module
 */
import { listAccounts, rolesNamed, unendableAmong } from './mariadb-account.ts'
import type { Session } from './mariadb-session.ts'
import type { MariadbSettings } from './mariadb-settings.ts'
import { catalogRows } from './mariadb-snapshot.ts'

/** In words. Privileges that name no role are not its matter. */
export async function lacksOf(
  session: Session,
  { accounts = [], unendable }: MariadbSettings,
  privileges: readonly string[],
): Promise<readonly string[]> {
  const roles = privileges.flatMap((one) => rolesNamed([one]) ?? [])
  const held = await conferrable(session)
  const lasting = unendable === true ? [] : await unendableAmong(session, roles)
  const listed = (await listAccounts(session)).map(({ user }) => user)
  return [
    ...roles
      .filter((role) => !held.has(`'${role}' to 'halligan_definer'@'localhost'`))
      .map((role) => `halligan_definer holds no role ${role} WITH ADMIN OPTION`),
    ...lasting.map((role) => `access by ${role} cannot be ended again`),
    ...accounts
      .filter((account) => !listed.includes(account))
      .map((account) => `there is no account ${account} in halligan.shared_account`),
  ]
}

/** What may be passed on, and by whom, as the catalog writes it. Names of roles hold nothing that it would quote. */
async function conferrable(session: Session): Promise<ReadonlySet<string>> {
  const rows = await catalogRows(session)
  const mappings = rows.filter(
    ([kind, , detail]) => kind === 'role_mapping' && detail === 'ADMIN',
  )
  return new Set(mappings.map(([, object]) => object))
}
