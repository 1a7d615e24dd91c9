import type { Site } from './ldap-groups.ts'
import { onSession, readEntry } from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'

/** Entries that the settings name and the directory has not, or does not show to the prober. Writes nothing to find out. */
export const lacksOf = ({ settings, probe }: Site): Promise<readonly string[]> =>
  onSession(probe, async (session) => {
    const found: string[] = []
    for (const [setting, dn] of named(settings))
      if ((await readEntry(session, dn)) === null)
        found.push(`${setting}: the prober is shown no ${dn}`)
    return found
  })

const named = ({ groups, accounts, sharedAccounts, container }: LdapSettings) => [
  ...Object.entries(groups).map(([name, { dn }]) => [`groups.${name}`, dn] as const),
  ...Object.entries(accounts).map(([name, dn]) => [`accounts.${name}`, dn] as const),
  ...Object.entries(sharedAccounts).map(
    ([name, dn]) => [`sharedAccounts.${name}`, dn] as const,
  ),
  ...(container === null ? [] : [['container', container] as const]),
]
