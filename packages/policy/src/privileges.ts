/**
 * PostgreSQL privileges that let their holder keep access after a revocation: make roles, run programs
 * on the host, write its files, or stream the whole cluster away (PROTOCOL 8).
 */
const unendable = new Map<string, string>([
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

/** Why access by `privilege` (`kind:name`) cannot be ended for certain; null when it can. */
export const whyUnendable = (privilege: string): string | null =>
  unendable.get(privilege.slice(privilege.indexOf(':') + 1).toLowerCase()) ?? null
