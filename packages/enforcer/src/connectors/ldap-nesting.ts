import { EqualityFilter, OrFilter } from 'ldapts'
import { dnKey } from './ldap-dn.ts'
import { type Session, search } from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'

const groupsAtMost = 1000

/** Groups below the base that have `member`, directly. */
export async function groupsOf(
  { base }: Pick<LdapSettings, 'base'>,
  session: Session,
  member: string,
): Promise<readonly string[]> {
  const filters = ['member', 'uniqueMember'].map(
    (attribute) => new EqualityFilter({ attribute, value: member }),
  )
  const asked = { scope: 'sub', filter: new OrFilter({ filters }) } as const
  return (await search(session, base, asked)).map(({ dn }) => dn)
}

/**
 * Whether the account is in the group by way of other groups, as far as this bind sees. `except` are groups whose direct
 * membership is a grant's own.
 */
export async function viaOtherGroups(
  settings: Pick<LdapSettings, 'base'>,
  session: Session,
  account: string,
  group: string,
  except: readonly string[] = [],
): Promise<boolean> {
  const goal = dnKey(group)
  const left = new Set([goal, ...except.map(dnKey)])
  const seen = new Set<string>()
  let next = (await groupsOf(settings, session, account)).filter(
    (dn) => !left.has(dnKey(dn)),
  )
  while (next.length > 0) {
    const found: string[] = []
    for (const dn of next) {
      if (seen.has(dnKey(dn))) continue
      seen.add(dnKey(dn))
      if (seen.size > groupsAtMost)
        throw new Error(`${account} is in too many groups to follow`)
      found.push(...(await groupsOf(settings, session, dn)))
    }
    if (found.some((dn) => dnKey(dn) === goal)) return true
    next = found
  }
  return false
}
