/**
 * The `payments` database of the example estate, and the connector's role as PROTOCOL section 8 wants it.
 * The SQL of `connectorRole` is the one that docs/connectors/postgres.md publishes.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'

export type Payments = Readonly<{
  /** The database as its superuser sees it. */
  superuserUrl: string
  /** What the enforcer connects with. */
  connectorUrl: string
}>

/** Makes database, data and roles where they are missing. The connector's password is new each time. */
export async function createPayments(superuserUrl: string): Promise<Payments> {
  const password = randomBytes(24).toString('base64url')
  const payments = new URL(superuserUrl)
  payments.pathname = '/payments'
  const connector = new URL(payments)
  connector.username = 'halligan_connector'
  connector.password = password

  const isNew = await within(superuserUrl, async (db) => {
    const known = await db.query("select from pg_database where datname = 'payments'")
    if (known.rowCount === 0) await db.query('create database payments')
    return known.rowCount === 0
  })
  await within(payments.href, async (db) => {
    const { rows } = await db.query<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    )
    if (isNew) {
      await db.query(roles)
      await db.query(tables)
      await db.query(rights)
      await db.query(connectorRole(rows[0]?.version ?? 0))
    }
    await db.query(`alter role halligan_connector password '${password}'`)
  })
  return { superuserUrl: payments.href, connectorUrl: connector.href }
}

const roles = `
create role payments_owner nologin;
create role payments_readonly nologin;
create role payments_repair nologin;
create role payments_admin nologin;
`

/** Four weeks of transfers, and Friday's batch, which a lost worker left half done. */
const tables = `
create schema payments authorization payments_owner;
set role payments_owner;

create table payments.accounts (
  id bigint generated always as identity primary key,
  holder text not null,
  currency text not null check (currency in ('EUR', 'USD', 'GBP')),
  balance_cents bigint not null check (balance_cents >= 0),
  opened_on date not null
);
create table payments.batches (
  id bigint generated always as identity primary key,
  started_at timestamptz not null,
  finished_at timestamptz,
  state text not null check (state in ('running', 'done', 'failed')),
  worker text
);
create table payments.transfers (
  id bigint generated always as identity primary key,
  batch_id bigint not null references payments.batches,
  debit_account bigint not null references payments.accounts,
  credit_account bigint not null references payments.accounts,
  amount_cents bigint not null check (amount_cents > 0),
  state text not null check (state in ('queued', 'settled', 'stuck', 'rejected')),
  booked_at timestamptz not null,
  check (debit_account <> credit_account)
);
create index on payments.transfers (state) where state <> 'settled';

insert into payments.accounts (holder, currency, balance_cents, opened_on)
select 'Customer ' || to_char(n, 'FM0000'), (array['EUR', 'USD', 'GBP'])[1 + n % 3],
       100000 + (n * 7919) % 900000, date '2024-01-01' + (n * 13) % 600
from generate_series(1, 200) n;

insert into payments.batches (started_at, finished_at, state, worker)
select day + time '02:00', day + time '02:07', 'done', 'settle-' || 1 + extract(day from day)::int % 3
from generate_series(current_date - 28, current_date - 1, interval '1 day') day;
insert into payments.batches (started_at, state, worker)
values (current_date + time '02:00', 'running', 'settle-2');

insert into payments.transfers
  (batch_id, debit_account, credit_account, amount_cents, state, booked_at)
select 1 + n % 29, 1 + n % 200, 1 + (n * 31 + 7) % 200, 100 + (n * 104729) % 250000,
       case when n % 29 < 28 then 'settled' when n % 2 = 0 then 'stuck' else 'queued' end,
       current_date - 28 + (n % 29) * interval '1 day' + n * interval '1 second'
from generate_series(1, 4000) n
where 1 + n % 200 <> 1 + (n * 31 + 7) % 200;

create function payments.release_batch(batch bigint) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with released as (
    update payments.transfers set state = 'queued'
    where batch_id = batch and state = 'stuck' returning id)
  select count(*) from released
$$;
revoke execute on function payments.release_batch from public;
reset role;
`

const rights = `
revoke all on database payments from public;
grant connect on database payments to payments_readonly, payments_repair, payments_admin;
grant usage on schema payments to payments_readonly, payments_repair;
grant select on all tables in schema payments to payments_readonly, payments_repair;
grant update (state) on payments.transfers to payments_repair;
grant update (state, finished_at, worker) on payments.batches to payments_repair;
grant execute on function payments.release_batch to payments_repair;
grant payments_owner to payments_admin;
`

/**
 * Never a superuser. It can make logins, end their sessions and pass on the listed roles, and cannot use those
 * roles itself. PostgreSQL 15 has no INHERIT and SET options on memberships: there NOINHERIT is all that keeps
 * it apart from them.
 */
export const connectorRole = (serverVersion: number): string =>
  serverVersion >= 160000
    ? `
create role halligan_connector login createrole noinherit connection limit 20;
grant pg_signal_backend to halligan_connector with inherit true, set false;
grant payments_readonly, payments_repair, payments_admin to halligan_connector
  with admin true, inherit false, set false;
grant connect on database payments to halligan_connector;
`
    : `
create role halligan_connector login createrole noinherit connection limit 20;
grant pg_signal_backend to halligan_connector;
grant payments_readonly, payments_repair, payments_admin to halligan_connector
  with admin option;
grant connect on database payments to halligan_connector;
`

async function within<T>(url: string, work: (db: pg.Client) => Promise<T>): Promise<T> {
  const db = new pg.Client({ connectionString: url })
  await db.connect()
  try {
    return await work(db)
  } finally {
    await db.end()
  }
}
