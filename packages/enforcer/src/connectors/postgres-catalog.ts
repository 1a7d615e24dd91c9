/**
 * What a persistence diff compares, as one query per kind. Each answers `object` and `detail`: who owns it, who
 * may use it, and a hash of what it does. Objects of the system schemas are many and change only by upgrades and
 * by superusers; they are folded into one row per kind.
 *
 * What something does is hashed from the tree that the catalog holds, never from text made of it: making text
 * takes locks on every table it mentions, and a lock that somebody holds there must not keep access from opening.
 *
 * Not compared: rows of tables, and objects that confer nothing by themselves (indexes, sequences' values,
 * statistics, operators, casts, text search).
 *
 * @module
 */

export type CatalogQuery = Readonly<{ kind: string; sql: string }>

const owner = (column: string) => `'owner=' || pg_get_userbyid(${column})`
const acl = (column: string) => `' acl=' || coalesce(${column}::text, 'default')`
const system = `('pg_catalog', 'information_schema')`
const temporary = `(n.nspname like 'pg\\_temp%' or n.nspname like 'pg\\_toast%')`

/** `sql` with every object of the system schemas folded into one row. */
const folded = (kind: string, sql: string): string => `
  with found as (${sql})
  select object, detail from found where not is_system
  union all
  select 'all ${kind}s of the system', md5(string_agg(object || detail, E'\\n' order by object, detail))
  from found where is_system having count(*) > 0`

/** Of the whole cluster, read from any database. */
export const clusterCatalog: readonly CatalogQuery[] = [
  {
    kind: 'role',
    sql: `select rolname as object, concat_ws(' ',
        case when rolsuper then 'SUPERUSER' end, case when rolcreaterole then 'CREATEROLE' end,
        case when rolcreatedb then 'CREATEDB' end, case when rolreplication then 'REPLICATION' end,
        case when rolbypassrls then 'BYPASSRLS' end, case when rolcanlogin then 'login' else 'nologin' end,
        case when rolinherit then 'inherit' else 'noinherit' end, 'limit=' || rolconnlimit,
        'until=' || nullif(rolvaliduntil, 'infinity')) as detail
      from pg_roles`,
  },
  {
    kind: 'membership',
    sql: `select m.roleid::regrole || ' to ' || m.member::regrole || ' by '
          || pg_get_userbyid(m.grantor) as object,
        concat_ws(' ', case when admin_option then 'ADMIN' end,
          'inherit=' || (to_jsonb(m) ->> 'inherit_option'), 'set=' || (to_jsonb(m) ->> 'set_option')) as detail
      from pg_auth_members m`,
  },
  {
    kind: 'setting',
    sql: `select coalesce(pg_get_userbyid(nullif(setrole, 0)), 'everyone') || ' in '
          || coalesce((select datname from pg_database where oid = setdatabase), 'every database') as object,
        setconfig::text as detail
      from pg_db_role_setting`,
  },
  {
    kind: 'database',
    sql: `select datname as object, ${owner('datdba')} || ${acl('datacl')}
        || case when datallowconn then '' else ' closed' end as detail from pg_database`,
  },
  {
    kind: 'tablespace',
    sql: `select spcname as object, ${owner('spcowner')} || ${acl('spcacl')} as detail from pg_tablespace`,
  },
  {
    kind: 'parameter_acl',
    sql: `select parname as object, ${acl('paracl')} as detail from pg_parameter_acl`,
  },
  {
    kind: 'replication_slot',
    sql: `select slot_name as object, concat_ws(' ', slot_type, plugin, database) as detail
      from pg_replication_slots where not temporary`,
  },
  {
    kind: 'prepared_transaction',
    sql: `select database || ': ' || gid as object, 'owner=' || coalesce(owner, 'nobody') as detail
      from pg_prepared_xacts`,
  },
  {
    kind: 'subscription',
    sql: `select subname as object, ${owner('subowner')} || ' enabled=' || subenabled as detail
      from pg_subscription`,
  },
]

/** Of one database. */
export const databaseCatalog: readonly CatalogQuery[] = [
  {
    kind: 'schema',
    sql: `select n.nspname as object, ${owner('nspowner')} || ${acl('nspacl')} as detail
      from pg_namespace n where not ${temporary}`,
  },
  {
    kind: 'relation',
    sql: folded(
      'relation',
      `select n.nspname in ${system} as is_system, c.oid::regclass::text as object,
         c.relkind::text || ' ' || ${owner('relowner')} || ${acl('relacl')}
         || case when relrowsecurity then ' rls' else '' end
         || case when relforcerowsecurity then ' forced' else '' end
         || coalesce(' ' || reloptions::text, '') as detail
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not ${temporary}`,
    ),
  },
  {
    kind: 'column_acl',
    sql: folded(
      'column_acl',
      `select n.nspname in ${system} as is_system, c.oid::regclass || '.' || a.attname as object,
         ${acl('attacl')} as detail
       from pg_attribute a join pg_class c on c.oid = a.attrelid
       join pg_namespace n on n.oid = c.relnamespace
       where attacl is not null and not ${temporary}`,
    ),
  },
  {
    kind: 'function',
    sql: folded(
      'function',
      `select n.nspname in ${system} as is_system, p.oid::regprocedure::text as object,
         ${owner('proowner')} || ${acl('proacl')} || ' language=' || l.lanname
         || case when prosecdef then ' SECURITY DEFINER' else '' end || ' body='
         || md5(concat_ws(E'\\n', prosrc, probin, prosqlbody::text, proconfig::text, proleakproof)) as detail
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       join pg_language l on l.oid = p.prolang where not ${temporary}`,
    ),
  },
  {
    kind: 'trigger',
    sql: `select tgrelid::regclass || ': ' || tgname as object,
        'enabled=' || tgenabled::text || ' runs ' || tgfoid::regprocedure || ' body='
        || md5(concat_ws(E'\\n', tgtype, tgattr::text, tgargs::text, tgqual::text,
          tgoldtable, tgnewtable, tgdeferrable, tginitdeferred)) as detail
      from pg_trigger t where not tgisinternal`,
  },
  {
    kind: 'event_trigger',
    sql: `select evtname as object, ${owner('evtowner')} || ' on ' || evtevent || ' runs '
        || evtfoid::regprocedure || ' enabled=' || evtenabled::text as detail from pg_event_trigger`,
  },
  {
    kind: 'rule',
    sql: folded(
      'rule',
      `select n.nspname in ${system} as is_system, c.oid::regclass || ': ' || rulename as object,
         'enabled=' || ev_enabled::text || ' body='
         || md5(concat_ws(E'\\n', ev_type, is_instead, ev_qual::text, ev_action::text)) as detail
       from pg_rewrite r join pg_class c on c.oid = ev_class
       join pg_namespace n on n.oid = c.relnamespace where not ${temporary}`,
    ),
  },
  {
    kind: 'policy',
    sql: `select polrelid::regclass || ': ' || polname as object,
        concat_ws(' ', polcmd::text, case when polpermissive then 'permissive' else 'restrictive' end,
          'for', (select string_agg(coalesce(pg_get_userbyid(nullif(r, 0)), 'public'), ',' order by r)
            from unnest(polroles) r),
          'body=' || md5(concat_ws(E'\\n', polqual::text, polwithcheck::text))) as detail
      from pg_policy`,
  },
  {
    kind: 'default_acl',
    sql: `select pg_get_userbyid(defaclrole) || ' in '
        || coalesce((select nspname from pg_namespace where oid = defaclnamespace), 'every schema')
        || ' for ' || defaclobjtype::text as object, ${acl('defaclacl')} as detail from pg_default_acl`,
  },
  {
    kind: 'extension',
    sql: `select extname as object, ${owner('extowner')} || ' version=' || extversion as detail
      from pg_extension`,
  },
  {
    kind: 'type',
    sql: folded(
      'type',
      `select n.nspname in ${system} as is_system, t.oid::regtype::text as object,
         ${owner('typowner')} || ${acl('typacl')} as detail
       from pg_type t join pg_namespace n on n.oid = t.typnamespace
       where typrelid = 0 and typelem = 0 and not ${temporary}`,
    ),
  },
  {
    kind: 'language',
    sql: `select lanname as object, ${owner('lanowner')} || ${acl('lanacl')} || ' trusted=' || lanpltrusted
      as detail from pg_language`,
  },
  {
    kind: 'foreign_data_wrapper',
    sql: `select fdwname as object, ${owner('fdwowner')} || ${acl('fdwacl')} as detail
      from pg_foreign_data_wrapper`,
  },
  {
    kind: 'foreign_server',
    sql: `select srvname as object, ${owner('srvowner')} || ${acl('srvacl')} || ' options='
        || md5(coalesce(srvoptions::text, '')) as detail from pg_foreign_server`,
  },
  {
    kind: 'user_mapping',
    sql: `select srvname || ' for ' || usename as object, 'mapped' as detail from pg_user_mappings`,
  },
  {
    kind: 'publication',
    sql: `select pubname as object, ${owner('pubowner')} || ' all=' || puballtables as detail
      from pg_publication`,
  },
  {
    kind: 'large_object',
    sql: `select oid::text as object, ${owner('lomowner')} || ${acl('lomacl')} as detail
      from pg_largeobject_metadata where lomacl is not null`,
  },
]
