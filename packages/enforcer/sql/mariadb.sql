-- What the MariaDB connector of Halligan calls. Run as root, and again to upgrade: mariadb < mariadb.sql
--
-- In MariaDB whoever has CREATE USER can become root, so that the connector's own account does not have it. It has EXECUTE on
-- this schema and nothing else. The procedures run as halligan_definer, an account that nobody can log in to, and touch only
-- accounts of grants (hg_ and 26 digits), the shared accounts that root lists in halligan.shared_account, and their sessions.

set names utf8mb4, sql_mode = 'STRICT_ALL_TABLES';
delimiter $$

create database if not exists halligan character set utf8mb4 collate utf8mb4_bin $$
create user if not exists halligan_definer@localhost account lock $$
grant select, show view, trigger, create user, process, connection admin on *.* to halligan_definer@localhost $$
grant update on mysql.* to halligan_definer@localhost $$
grant insert, update, delete, execute, event on halligan.* to halligan_definer@localhost $$

create table if not exists halligan.shared_account (user varchar(128) primary key) engine = Aria $$
create table if not exists halligan.deadline (
  account varchar(128) primary key, until_millis bigint not null) engine = Aria $$
create table if not exists halligan.check_out (
  tag varchar(64) primary key, account varchar(128) not null, since_millis bigint not null) engine = Aria $$

-- Who may call, and about what --------------------------------------------------------------------------------------

-- A role may hold EXECUTE everywhere: only the connector may call these all the same.
create or replace definer = halligan_definer@localhost procedure halligan.check_caller()
begin
  declare caller varchar(512) default user();
  set caller = left(caller, char_length(caller) - char_length(substring_index(caller, '@', -1)) - 1);
  if caller <> 'halligan_connector' then
    signal sqlstate '42000' set message_text = 'only halligan_connector may call this';
  end if;
end $$

create or replace definer = halligan_definer@localhost function halligan.is_of_grant(account varchar(128))
returns boolean deterministic
return account collate utf8mb4_bin regexp '^hg_[a-z2-7]{26}$' $$

create or replace definer = halligan_definer@localhost function halligan.is_shared(account varchar(128))
returns boolean reads sql data
return exists (select 1 from halligan.shared_account s where s.user = account collate utf8mb4_bin) $$

create or replace definer = halligan_definer@localhost procedure halligan.check_account(account varchar(128))
begin
  call halligan.check_caller();
  if not (halligan.is_of_grant(account) or halligan.is_shared(account)) then
    signal sqlstate '42000' set message_text = 'not an account of halligan';
  end if;
end $$

create or replace definer = halligan_definer@localhost procedure halligan.check_account_of_grant(account varchar(128))
begin
  call halligan.check_caller();
  if not halligan.is_of_grant(account) then
    signal sqlstate '42000' set message_text = 'not an account of a grant';
  end if;
end $$

create or replace definer = halligan_definer@localhost procedure halligan.check_hash(hash varchar(64))
begin
  if hash is null or hash not regexp '^[*][0-9A-F]{40}$' then
    signal sqlstate '42000' set message_text = 'not a hash of mysql_native_password';
  end if;
end $$

create or replace definer = halligan_definer@localhost function halligan.now_millis() returns bigint
not deterministic no sql
return timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) div 1000 $$

-- Making, locking and ending accounts -------------------------------------------------------------------------------

-- One statement about each host that the account has, in which %1 stands for the account.
create or replace definer = halligan_definer@localhost procedure halligan.at_each_host(
  account varchar(128), statement text)
begin
  declare at varchar(600);
  declare done boolean default false;
  declare hosts cursor for select concat(quote(g.User), '@', quote(g.Host)) from mysql.global_priv g
    where g.User = account collate utf8mb4_bin and json_value(g.Priv, '$.is_role') is null;
  declare continue handler for not found set done = true;
  call halligan.check_account(account);
  open hosts;
  fetch hosts into at;
  while not done do
    execute immediate replace(statement, '%1', at);
    fetch hosts into at;
  end while;
  close hosts;
end $$

-- New, locked, with no role and no right; whatever stood under its name is replaced.
create or replace definer = halligan_definer@localhost procedure halligan.make_account(
  account varchar(128), hash varchar(64), sessions int unsigned, only_tls boolean)
begin
  call halligan.check_account_of_grant(account);
  call halligan.check_hash(hash);
  call halligan.drop_account(account);
  execute immediate concat('create user ', quote(account),
    '@''%'' identified via mysql_native_password using ', quote(hash), if(only_tls, ' require ssl', ''),
    ' with max_user_connections ', sessions, ' account lock');
end $$

-- Only roles that halligan_definer holds WITH ADMIN OPTION. One is on from login: MariaDB has one on at a time.
create or replace definer = halligan_definer@localhost procedure halligan.confer(
  account varchar(128), role varchar(128), at_login boolean)
begin
  declare named varchar(300) default concat('`', replace(role, '`', '``'), '`');
  call halligan.check_account_of_grant(account);
  execute immediate concat('grant ', named, ' to ', quote(account), '@''%''');
  if at_login then
    execute immediate concat('set default role ', named, ' for ', quote(account), '@''%''');
  end if;
end $$

-- Null: a shared account at rest, which has no deadline.
create or replace definer = halligan_definer@localhost procedure halligan.unlock_account(
  account varchar(128), until_millis bigint)
begin
  call halligan.check_account(account);
  if until_millis is not null then
    insert into halligan.deadline values (account, until_millis)
      on duplicate key update deadline.until_millis = greatest(deadline.until_millis, values(until_millis));
  elseif not halligan.is_shared(account) then
    signal sqlstate '42000' set message_text = 'an account of a grant has a deadline';
  else
    delete from halligan.deadline where deadline.account = account;
  end if;
  call halligan.at_each_host(account, 'alter user %1 account unlock');
end $$

create or replace definer = halligan_definer@localhost procedure halligan.lock_account(account varchar(128))
begin
  call halligan.at_each_host(account, 'alter user %1 account lock');
  delete from halligan.deadline where deadline.account = account;
end $$

create or replace definer = halligan_definer@localhost procedure halligan.set_hash(
  account varchar(128), hash varchar(64))
begin
  call halligan.check_hash(hash);
  call halligan.at_each_host(account,
    concat('alter user %1 identified via mysql_native_password using ', quote(hash)));
end $$

create or replace definer = halligan_definer@localhost procedure halligan.drop_account(account varchar(128))
begin
  call halligan.check_account_of_grant(account);
  call halligan.at_each_host(account, 'drop user %1');
  delete from halligan.deadline where deadline.account = account;
end $$

-- From when on statements of a shared account are evidence of one grant, which the tag stands for.
create or replace definer = halligan_definer@localhost procedure halligan.note_check_out(
  account varchar(128), grant_tag varchar(64))
begin
  call halligan.check_account(account);
  insert ignore into halligan.check_out values (grant_tag, account, halligan.now_millis());
end $$

create or replace definer = halligan_definer@localhost procedure halligan.forget_check_out(grant_tag varchar(64))
begin
  call halligan.check_caller();
  delete from halligan.check_out where check_out.tag = grant_tag collate utf8mb4_bin;
end $$

-- Whoever logged in, whatever SET ROLE made of it since; also who is half way through logging in, for MariaDB has read the
-- account by then and lets in what it locked or dropped meanwhile. And whoever still applies the very grant: it says so by a lock.
create or replace definer = halligan_definer@localhost procedure halligan.kill_each(
  account varchar(128), out found int)
begin
  declare session bigint;
  declare done boolean default false;
  declare sessions cursor for select p.ID from information_schema.processlist p
    where p.USER = account collate utf8mb4_bin or p.ID = is_used_lock(concat('halligan/', account));
  declare continue handler for not found set done = true;
  declare continue handler for 1094 begin end;
  call halligan.check_account(account);
  set found = 0;
  open sessions;
  fetch sessions into session;
  while not done do
    set found = found + 1;
    kill connection session;
    fetch sessions into session;
  end while;
  close sessions;
end $$

create or replace definer = halligan_definer@localhost procedure halligan.kill_sessions(account varchar(128))
begin
  declare found int;
  call halligan.kill_each(account, found);
  select found;
end $$

-- The same for many accounts of grants at once, named in a JSON array. Answers those that it did something about: who was
-- locked or dropped, or whose sessions it found. One that fails does not keep the others.
create or replace definer = halligan_definer@localhost procedure halligan.for_each_account(
  step enum('lock', 'drop'), names json)
begin
  declare i int default 0;
  declare named varchar(128);
  declare failed boolean;
  declare done json default '[]';
  call halligan.check_caller();
  while i < json_length(names) do
    set named = json_value(names, concat('$[', i, ']')), failed = false, i = i + 1;
    begin
      declare continue handler for sqlexception set failed = true;
      call halligan.check_account_of_grant(named);
      if not failed and step = 'lock' then
        call halligan.lock_account(named);
      elseif not failed then
        call halligan.drop_account(named);
      end if;
    end;
    if not failed then
      set done = json_array_append(done, '$', named);
    end if;
  end while;
  select done;
end $$

create or replace definer = halligan_definer@localhost procedure halligan.kill_sessions_of(names json)
begin
  declare i int default 0;
  declare session bigint;
  declare named varchar(128);
  declare done json default '[]';
  declare ended boolean default false;
  declare sessions cursor for select p.ID, convert(p.USER using utf8mb4) from information_schema.processlist p
    where halligan.is_of_grant(convert(p.USER using utf8mb4))
      and json_contains(names, json_quote(convert(p.USER using utf8mb4)));
  declare continue handler for not found set ended = true;
  declare continue handler for 1094 begin end;
  call halligan.check_caller();
  open sessions;
  fetch sessions into session, named;
  while not ended do
    set done = json_array_append(done, '$', named);
    kill connection session;
    fetch sessions into session, named;
  end while;
  close sessions;
  while i < json_length(names) do
    set named = json_value(names, concat('$[', i, ']')), i = i + 1;
    if halligan.is_of_grant(named) and is_used_lock(concat('halligan/', named)) is not null then
      set session = is_used_lock(concat('halligan/', named)), done = json_array_append(done, '$', named);
      kill connection session;
    end if;
  end while;
  select done;
end $$

-- Anybody may take a lock of this name, and only the connector's account holds it rightly.
create or replace definer = halligan_definer@localhost procedure halligan.free_lock(name varchar(64))
begin
  declare holder bigint;
  declare continue handler for 1094 begin end;
  call halligan.check_caller();
  if name not like 'halligan/%' then
    signal sqlstate '42000' set message_text = 'not a lock of halligan';
  end if;
  set holder = is_used_lock(name);
  if exists (select 1 from information_schema.processlist p
      where p.ID = holder and p.USER <> 'halligan_connector' collate utf8mb4_bin) then
    kill connection holder;
  end if;
end $$

-- With event_scheduler = ON, MariaDB itself locks out and ends what is past its deadline, enforcer or not. It calls none of
-- the procedures, for those take no call from an event: anybody's event would look the same to them.
create or replace definer = halligan_definer@localhost event halligan.sweep
on schedule every 5 second on completion preserve do
begin
  declare statement text;
  declare done boolean default false;
  declare statements cursor for
    select concat('alter user ', quote(g.User), '@', quote(g.Host), ' account lock')
      from halligan.deadline d join mysql.global_priv g on g.User = d.account
      where d.until_millis <= halligan.now_millis() and not coalesce(json_value(g.Priv, '$.account_locked'), 0)
    union all select concat('kill connection ', p.ID)
      from halligan.deadline d join information_schema.processlist p on p.USER = d.account collate utf8mb4_bin
      where d.until_millis <= halligan.now_millis();
  declare continue handler for not found set done = true;
  open statements;
  fetch statements into statement;
  while not done do
    begin
      declare continue handler for sqlexception begin end;
      execute immediate statement;
    end;
    fetch statements into statement;
  end while;
  close statements;
end $$

-- Reading -----------------------------------------------------------------------------------------------------------

create or replace definer = halligan_definer@localhost procedure halligan.read_server()
begin
  call halligan.check_caller();
  select 1 as installed, @@global.read_only as read_only, @@global.event_scheduler = 'ON' as sweeps,
    exists (select 1 from information_schema.global_variables v
      where v.VARIABLE_NAME = 'WSREP_ON' and v.VARIABLE_VALUE = 'ON') as clustered,
    @@global.log_output like '%TABLE%' and @@global.general_log as logs_to_table;
end $$

-- Of accounts of grants and shared accounts; and of those that only look like an account of a grant.
create or replace definer = halligan_definer@localhost procedure halligan.read_accounts()
begin
  call halligan.check_caller();
  select g.User as user, g.Host as host,
    coalesce(json_value(g.Priv, '$.account_locked'), 0) as locked,
    if(json_query(g.Priv, '$.auth_or') is null and json_value(g.Priv, '$.plugin') = 'mysql_native_password',
      json_value(g.Priv, '$.authentication_string'), null) as hash,
    (select count(*) from mysql.roles_mapping m where m.User = g.User and m.Host = g.Host) as roles,
    (select d.until_millis from halligan.deadline d where d.account = g.User) as until_millis
  from mysql.global_priv g
  where json_value(g.Priv, '$.is_role') is null
    and (g.User like 'hg\_%' or halligan.is_shared(g.User));
end $$

create or replace definer = halligan_definer@localhost procedure halligan.read_account(account varchar(128))
begin
  declare now_millis bigint default halligan.now_millis();
  call halligan.check_account(account);
  select now_millis,
    (select count(*) from mysql.global_priv g where g.User = account collate utf8mb4_bin) as accounts,
    (select count(*) from mysql.global_priv g where g.User = account collate utf8mb4_bin
      and not coalesce(json_value(g.Priv, '$.account_locked'), 0)) as unlocked,
    (select count(*) from mysql.roles_mapping m
      where account collate utf8mb4_bin in (m.User, m.Role)) as roles,
    (select d.until_millis from halligan.deadline d where d.account = account) as until_millis,
    (select count(*) from information_schema.processlist p where p.USER = account collate utf8mb4_bin
      or p.ID = is_used_lock(concat('halligan/', account))) as sessions,
    (select group_concat(distinct if(json_query(g.Priv, '$.auth_or') is null
        and json_value(g.Priv, '$.plugin') = 'mysql_native_password', json_value(g.Priv, '$.authentication_string'), '?'))
      from mysql.global_priv g where g.User = account collate utf8mb4_bin) as hash;
end $$

-- The sessions of shared accounts, by account and by where they came from.
create or replace definer = halligan_definer@localhost procedure halligan.read_shared_sessions()
begin
  call halligan.check_caller();
  select distinct p.USER as user, substring_index(p.HOST, ':', 1) as host
  from information_schema.processlist p where halligan.is_shared(p.USER);
end $$

-- Roles reached from this one through which somebody could stay after any ending: what they give everywhere, or in the schemas
-- that hold accounts and these procedures; grant option; admin option; and events, which run by themselves.
create or replace definer = halligan_definer@localhost procedure halligan.read_unendable(wanted varchar(128))
begin
  -- SELECT RELOAD PROCESS SHOW-DB TEMPORARY LOCK EXECUTE MONITOR SHOW-VIEW REFERENCES SLAVE-MONITOR
  declare harmless bigint unsigned default (1 << 0) | (1 << 6) | (1 << 8) | (1 << 14) | (1 << 16) | (1 << 17)
    | (1 << 18) | (1 << 20) | (1 << 22) | (1 << 11) | (1 << 38);
  call halligan.check_caller();
  with recursive reached as (
    select wanted collate utf8mb4_bin as name
    union select convert(m.Role using utf8mb4) collate utf8mb4_bin from mysql.roles_mapping m
      join reached r on m.User = r.name and m.Host = '')
  select r.name as role from reached r where
    exists (select 1 from mysql.global_priv g where g.User = r.name and g.Host = ''
      and json_value(g.Priv, '$.access') & ~harmless <> 0)
    or exists (select 1 from mysql.roles_mapping m where m.User = r.name and m.Host = '' and m.Admin_option = 'Y')
    or exists (select 1 from mysql.db d where d.User = r.name and d.Host = '' and ('Y' in (d.Grant_priv, d.Event_priv)
      or ('mysql' like d.Db or 'halligan' like d.Db) and 'Y' in (d.Insert_priv, d.Update_priv, d.Delete_priv,
        d.Create_priv, d.Drop_priv, d.Alter_priv, d.Index_priv, d.Create_view_priv, d.Create_routine_priv,
        d.Alter_routine_priv, d.Trigger_priv)))
    or exists (select 1 from mysql.tables_priv t where t.User = r.name and t.Host = ''
      and (find_in_set('Grant', t.Table_priv)
        or t.Db in ('mysql', 'halligan') and t.Table_priv not in ('', 'Select')))
    or exists (select 1 from mysql.columns_priv c where c.User = r.name and c.Host = ''
      and c.Db in ('mysql', 'halligan') and c.Column_priv not in ('', 'Select'))
    or exists (select 1 from mysql.procs_priv p where p.User = r.name and p.Host = ''
      and (find_in_set('Grant', p.Proc_priv) or p.Db = 'halligan'))
  order by 1;
end $$

-- Roles that can be conferred: held with admin option, be it by way of another role.
create or replace definer = halligan_definer@localhost procedure halligan.read_conferrable()
begin
  call halligan.check_caller();
  with recursive held as (
    select m.Role, m.Admin_option from mysql.roles_mapping m
      where m.User = 'halligan_definer' and m.Host = 'localhost'
    union select m.Role, m.Admin_option from mysql.roles_mapping m
      join held h on m.User = h.Role and m.Host = '')
  select distinct h.Role as role from held h where h.Admin_option = 'Y' order by 1;
end $$

-- What a persistence diff compares. Hashes of passwords are left out, and of shared accounts what a check-out changes.
create or replace definer = halligan_definer@localhost procedure halligan.read_catalog()
begin
  call halligan.check_caller();
  set session group_concat_max_len = 1 << 24;
  select if(json_value(g.Priv, '$.is_role') is null, 'user', 'role') as kind,
    concat(quote(g.User), '@', quote(g.Host)) as object,
    concat(json_remove(g.Priv, '$.authentication_string', '$.auth_or', '$.version_id',
        if(halligan.is_shared(g.User), '$.account_locked', '$.none'),
        if(halligan.is_shared(g.User), '$.password_last_changed', '$.none')),
      if(json_query(g.Priv, '$.auth_or') is null, '', ' other ways to log in')) as detail
    from mysql.global_priv g
  union all select 'role_mapping', concat(quote(m.Role), ' to ', quote(m.User), '@', quote(m.Host)),
    if(m.Admin_option = 'Y', 'ADMIN', '') from mysql.roles_mapping m
  union all select 'schema_grant', concat(s.GRANTEE, ' on ', s.TABLE_SCHEMA),
    concat(group_concat(s.PRIVILEGE_TYPE order by 1), if(max(s.IS_GRANTABLE) = 'YES', ' GRANT OPTION', ''))
    from information_schema.schema_privileges s group by s.GRANTEE, s.TABLE_SCHEMA
  union all select 'table_grant', concat(quote(t.User), '@', quote(t.Host), ' on ', t.Db, '.', t.Table_name),
    concat(t.Table_priv, ' columns=', t.Column_priv) from mysql.tables_priv t
  union all select 'column_grant',
    concat(quote(c.User), '@', quote(c.Host), ' on ', c.Db, '.', c.Table_name, '.', c.Column_name), c.Column_priv
    from mysql.columns_priv c
  union all select 'routine_grant',
    concat(quote(p.User), '@', quote(p.Host), ' on ', p.Routine_type, ' ', p.Db, '.', p.Routine_name), p.Proc_priv
    from mysql.procs_priv p
  union all select 'proxy_grant',
    concat(quote(x.User), '@', quote(x.Host), ' as ', quote(x.Proxied_user), '@', quote(x.Proxied_host)),
    if(x.With_grant, 'GRANT OPTION', '') from mysql.proxies_priv x
  union all select 'routine', concat(r.type, ' ', r.db, '.', r.name),
    concat('definer=', r.definer, ' security=', r.security_type, ' body=', md5(concat_ws('\n', r.param_list, r.returns, r.body)))
    from mysql.proc r where r.db <> 'sys'
  union all select 'routine', 'all of schema sys', md5(group_concat(concat_ws('\n', r.type, r.name, r.definer,
    r.security_type, r.param_list, r.returns, r.body) order by r.type, r.name)) from mysql.proc r where r.db = 'sys'
  union all select 'event', concat(e.db, '.', e.name), concat('definer=', e.definer, ' ', e.status, ' ',
    md5(concat_ws('\n', e.body, e.execute_at, e.interval_value, e.interval_field, e.starts, e.ends))) from mysql.event e
  union all select 'trigger', concat(t.TRIGGER_SCHEMA, '.', t.TRIGGER_NAME), concat('definer=', t.DEFINER, ' ',
    t.ACTION_TIMING, ' ', t.EVENT_MANIPULATION, ' on ', t.EVENT_OBJECT_TABLE, ' body=', md5(t.ACTION_STATEMENT))
    from information_schema.triggers t where t.TRIGGER_SCHEMA <> 'sys'
  union all select 'view', concat(v.TABLE_SCHEMA, '.', v.TABLE_NAME), concat('definer=', v.DEFINER, ' security=',
    v.SECURITY_TYPE, ' body=', md5(v.VIEW_DEFINITION)) from information_schema.views v where v.TABLE_SCHEMA <> 'sys'
  union all select 'table', concat(t.TABLE_SCHEMA, '.', t.TABLE_NAME), concat(t.TABLE_TYPE, ' ', ifnull(t.ENGINE, ''))
    from information_schema.tables t where t.TABLE_SCHEMA not in ('information_schema', 'performance_schema', 'sys')
  union all select 'schema', s.SCHEMA_NAME, '' from information_schema.schemata s
  union all select 'server', s.Server_name, concat_ws(' ', s.Wrapper, s.Host, s.Port, s.Db, s.Username, s.Owner)
    from mysql.servers s
  union all select 'plugin', p.PLUGIN_NAME, concat(p.PLUGIN_STATUS, ' ', p.PLUGIN_LIBRARY)
    from information_schema.plugins p where p.PLUGIN_LIBRARY is not null
  union all select 'function', f.name, f.dl from mysql.func f
  union all select 'setting', v.VARIABLE_NAME, v.VARIABLE_VALUE from information_schema.global_variables v
    where v.VARIABLE_NAME in ('INIT_CONNECT', 'EVENT_SCHEDULER', 'GENERAL_LOG', 'LOG_OUTPUT', 'READ_ONLY', 'SQL_MODE',
      'LOCAL_INFILE', 'LOG_BIN_TRUST_FUNCTION_CREATORS', 'REQUIRE_SECURE_TRANSPORT', 'SERVER_AUDIT_LOGGING');
end $$

-- Statements of the account's own sessions, from the general log where it is kept in its table. Of a shared account, those
-- since it was checked out under this tag.
create or replace definer = halligan_definer@localhost procedure halligan.read_statements(
  account varchar(128), grant_tag varchar(64), at_most int)
begin
  declare since bigint default if(halligan.is_of_grant(account), 0, (select c.since_millis from halligan.check_out c
    where c.tag = grant_tag collate utf8mb4_bin and c.account = account collate utf8mb4_bin));
  call halligan.check_account(account);
  select date_format(convert_tz(l.event_time, @@session.time_zone, '+00:00'), '%Y-%m-%dT%H:%i:%s.%fZ') as at,
    l.thread_id as session, l.command_type as command, convert(l.argument using utf8mb4) as statement
  from mysql.general_log l
  where l.event_time >= from_unixtime(since / 1000)
    and account collate utf8mb4_bin in (substring_index(l.user_host, '[', 1),
      substring_index(substring_index(l.user_host, ']', 1), '[', -1))
  order by l.event_time limit at_most;
end $$
