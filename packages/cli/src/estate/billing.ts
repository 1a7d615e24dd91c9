/**
 * The `billing` database of the example estate at a MariaDB, with what its connector calls there and the connector's account.
 * The SQL of `connector` and `conferrable` is the one that docs/connectors/mariadb.md publishes.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { MariadbServer } from './mariadb-server.ts'

export type Billing = Readonly<{
  /** What the enforcer connects with. */
  connectorUrl: string
  /** An account that is shared, and sealed while nobody has checked it out. */
  sharedAccount: string
}>

const procedures = new URL('../../../enforcer/sql/mariadb.sql', import.meta.url)

const sharedAccount = 'billing_emergency'

/** Makes database, data, roles and accounts where they are missing. The connector's password is new each time. */
export async function createBilling(server: MariadbServer): Promise<Billing> {
  const password = randomBytes(24).toString('base64url')
  await server.run(database)
  await server.run(await readFile(procedures, 'utf8'))
  await server.run(connector(password))
  await server.run(conferrable)
  const url = new URL(server.rootUrl)
  url.username = 'halligan_connector'
  url.password = password
  return { connectorUrl: url.href, sharedAccount }
}

/** Two customers, and Friday's invoices, one of which was billed twice. */
const database = `
create database if not exists billing character set utf8mb4;
create table if not exists billing.customers (
  id int primary key, name varchar(100) not null) engine = InnoDB;
create table if not exists billing.invoices (
  id int primary key, customer int not null, cents bigint not null,
  state enum('open', 'paid', 'void') not null,
  foreign key (customer) references billing.customers (id)) engine = InnoDB;
insert ignore into billing.customers values (1, 'Harbour Bakery'), (2, 'North Quay Cycles');
insert ignore into billing.invoices values
  (1, 1, 12900, 'paid'), (2, 2, 48000, 'open'), (3, 2, 48000, 'open');
create role if not exists billing_readonly;
create role if not exists billing_repair;
create role if not exists billing_admin;
grant select on billing.* to billing_readonly;
grant select, insert, update, delete on billing.* to billing_repair;
grant select, insert, update, delete, create, drop, alter, index, references, lock tables, create view, show view,
  create routine, alter routine, execute, trigger on billing.* to billing_admin;
create user if not exists ${sharedAccount}@'%' account lock;
grant select, update on billing.* to ${sharedAccount}@'%';
`

const connector = (password: string) => `
create user if not exists halligan_connector@'%';
alter user halligan_connector@'%' identified by '${password}' with max_user_connections 20;
grant execute on halligan.* to halligan_connector@'%';
`

const conferrable = `
grant billing_readonly to halligan_definer@localhost with admin option;
grant billing_repair to halligan_definer@localhost with admin option;
grant billing_admin to halligan_definer@localhost with admin option;
insert ignore into halligan.shared_account values ('${sharedAccount}');
`
