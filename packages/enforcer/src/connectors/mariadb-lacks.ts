/**
 * What an opening would fail for, found before the night it is needed. Nothing is made or changed to find out.
 *
 * @module
 */
import { listAccounts, rolesNamed, unendableAmong } from './mariadb-account.ts'
import { isNoSuchProcedure, type Session } from './mariadb-session.ts'
import type { MariadbSettings } from './mariadb-settings.ts'

/** In words. Privileges that name no role are not its matter. */
export async function lacksOf(
  session: Session,
  { accounts = [], unendable }: MariadbSettings,
  privileges: readonly string[],
): Promise<readonly string[]> {
  const roles = privileges.flatMap((one) => rolesNamed([one]) ?? [])
  const lasting = unendable === true ? [] : await unendableAmong(session, roles)
  const listed = (await listAccounts(session)).map(({ user }) => user)
  return [
    ...(await notConferrable(session, roles)),
    ...lasting.map((role) => `access by ${role} cannot be ended again`),
    ...accounts
      .filter((account) => !listed.includes(account))
      .map((account) => `there is no account ${account} in halligan.shared_account`),
  ]
}

/** An older `sql/mariadb.sql` does not say. It still ends what is open, and what stands there is still compared. */
async function notConferrable(
  session: Session,
  roles: readonly string[],
): Promise<readonly string[]> {
  try {
    const found = await session.call<{ role: string }>('read_conferrable')
    const conferrable = found.map(({ role }) => role)
    return roles
      .filter((role) => !conferrable.includes(role))
      .map((role) => `halligan_definer holds no role ${role} WITH ADMIN OPTION`)
  } catch (error) {
    if (!isNoSuchProcedure(error)) throw error
    return [
      'there is no procedure halligan.read_conferrable: run sql/mariadb.sql there as root',
    ]
  }
}
