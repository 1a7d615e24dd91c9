/**
 * What a privilege's name alone says of whether it can be ended. Names of a kind that the bundle does not define (an ACL, a
 * sudo rule) mean what their target or enforcer says; `enforcer check` judges those.
 *
 * @module
 */

/** Of databases: they let their holder keep access after a revocation (PROTOCOL 8). */
const databaseRoles = new Map<string, string>([
  ['superuser', 'is above every other privilege'],
  ['createrole', 'can make itself another login'],
  ['replication', 'can copy the whole cluster'],
  ['bypassrls', 'reads past row security'],
  ['pg_execute_server_program', 'runs programs on the database host'],
  ['pg_write_server_files', 'writes files on the database host'],
  ['pg_read_server_files', 'reads files on the database host, keys included'],
  ['postgres', 'is the superuser of a default installation'],
  ['rds_superuser', 'can make itself another login'],
  ['cloudsqlsuperuser', 'can make itself another login'],
])

const databaseAccounts = new Map([
  ...databaseRoles,
  ['root', 'is above every other privilege'],
])

/** Of Linux hosts: whoever is root for a moment can leave a way back in. */
const hostGroups = new Map<string, string>(
  ['root', 'wheel', 'sudo', 'admin', 'docker', 'lxd', 'disk', 'shadow'].map((name) => [
    name,
    'is as good as root on a usual host',
  ]),
)

const hostLogins = new Map([['root', 'can leave itself another way in']])

const judged: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ['role', databaseRoles],
  ['attribute', databaseRoles],
  ['account', databaseAccounts],
  ['group', hostGroups],
  ['login', hostLogins],
])

const partsOf = (privilege: string): readonly [kind: string, name: string] => {
  const colon = privilege.indexOf(':')
  return [privilege.slice(0, colon), privilege.slice(colon + 1).toLowerCase()]
}

/** Why access by `privilege` (`kind:name`) cannot be ended for certain, as far as its name says; null otherwise. */
export function whyUnendable(privilege: string): string | null {
  const [kind, name] = partsOf(privilege)
  return judged.get(kind)?.get(name) ?? null
}

/** Whether names of this kind say nothing here, whatever they are. */
export const isUnjudged = (privilege: string): boolean => !judged.has(partsOf(privilege)[0])
