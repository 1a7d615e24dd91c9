import { expect, test } from 'vitest'
import { oneLineOf, type Sql, withoutPasswords } from './evidence-line.ts'

test.each<[Sql, string, string]>([
  ['postgres', "alter role ada password 'hunter2'", 'alter role ada password ***'],
  [
    'postgres',
    "alter role ada password E'hunter2' login",
    'alter role ada password *** login',
  ],
  [
    'postgres',
    'alter role ada password $a$hunter2$a$ login',
    'alter role ada password *** login',
  ],
  ['postgres', 'alter role ada password $$hunter2$$', 'alter role ada password ***'],
  ['postgres', "ALTER ROLE ada PASSWORD\n'hunter''2'", 'ALTER ROLE ada PASSWORD\n***'],
  [
    'postgres',
    "statement: select 1; alter user ada password 'hunter: 2'",
    'statement: select 1; alter user ada password ***',
  ],
  [
    'postgres',
    "execute S_1: alter role ada password 'hunter2'",
    'execute S_1: alter role ada password ***',
  ],
  [
    'postgres',
    "create user mapping for ada server s options (user 'a', password 'hunter2')",
    "create user mapping for ada server s options (user 'a', password ***)",
  ],
  ['mariadb', "set password = password('hunter2')", 'set password = password(***)'],
  ['mariadb', "set password for 'ada'@'%' = 'hunter2'", "set password for 'ada'@'%' = ***"],
  [
    'mariadb',
    'create or replace user x identified by "hunter2"',
    'create or replace user x identified by ***',
  ],
  [
    'mariadb',
    "grant usage on *.* to x identified by password '*2470'",
    'grant usage on *.* to x identified by password ***',
  ],
  [
    'mariadb',
    "alter user x identified via ed25519 using password('hunter2')",
    'alter user x identified via ed25519 using password(***)',
  ],
  ['mariadb', "alter user x identified by 'a$b$'", 'alter user x identified by ***'],
  [
    'mariadb',
    "change master to master_password='hunter2'",
    'change master to master_password=***',
  ],
])('INV-20 at %s of %j no password is told', (sql, statement, told) => {
  expect(withoutPasswords(statement, sql)).toBe(told)
})

test.each<[Sql, string]>([
  ['postgres', "select 'password' from t where a = 'b'"],
  ['postgres', "select 'password '; drop table batches; select ''"],
  ['postgres', "select 'password '||lo_unlink(1)||''"],
  ['mariadb', 'select "password ", (select number from cards), ""'],
  ['postgres', "select $a$ password '$a$; drop table batches; select ''"],
  ['postgres', "select '\\' password ', (select number from cards), ''"],
  ['postgres', "alter role ada password '\\'' ; drop table batches; select '"],
  ['postgres', "select 1 -- '\n password '; drop table batches; select '"],
  ['postgres', "select 1 /* ' */ password '; drop table batches; select '"],
  ['mariadb', "select 1 # ' password \n; select '; drop table batches; select '"],
  ['mariadb', 'grant select on password $x$ to x, (select number from cards) $x$'],
  [
    'postgres',
    'alter role x rename to password\u00a0$x$; drop table b; drop role password\u00a0$x$',
  ],
  [
    'postgres',
    "alter role x set a to $\u00e9$ password '$\u00e9$; drop table b; select $\u00e9$'$\u00e9$",
  ],
  ['postgres', "execute : alter role x password ': drop table b; select ''"],
  [
    'postgres',
    "execute x': select ';alter role x password ', (select number from cards), ''",
  ],
  ['postgres', "statement: set my.password = 'drop table b'"],
  ['postgres', "statement: alter role x set my.password = 'drop table b'"],
  ['postgres', `alter role x set "my" . password = 'drop table b'`],
  ['postgres', "select password('drop table b')"],
  ['mariadb', "set @password = 'drop table b'"],
  ['mariadb', "set password = y, @password = 'drop table b'"],
])('INV-14 at %s who writes of a password hides nothing: %j', (sql, statement) => {
  expect(withoutPasswords(statement, sql)).toBe(statement)
})

test('a statement of many lines is one', () => {
  expect(oneLineOf("select 1\n-- 'x'\u0000")).toBe("select 1\\n-- 'x'\\u0000")
})

test('INV-25 no statement takes long to read', () => {
  const began = performance.now()
  const tags = Array.from({ length: 2000 }, (_, index) => `$a${index}$`).join('')
  for (const part of ['password ', "password '", 'password $', "'", ' ', tags])
    for (const length of [9_999, 100_000])
      for (const sql of ['postgres', 'mariadb'] as const)
        withoutPasswords(part.repeat(Math.ceil(length / part.length)).slice(0, length), sql)
  expect(performance.now() - began).toBeLessThan(5_000)
})
