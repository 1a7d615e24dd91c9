import { expect, test } from 'vitest'
import { oneLineOf, withoutPasswords } from './evidence-line.ts'

test.each([
  ["alter role ada password 'hunter2'", 'alter role ada password ***'],
  ["alter role ada password E'hunter2' login", 'alter role ada password *** login'],
  ['alter role ada password $a$hunter2$a$ login', 'alter role ada password *** login'],
  ['alter role ada password $$hunter2$$', 'alter role ada password ***'],
  ["ALTER ROLE ada PASSWORD\n'hunter''2'", 'ALTER ROLE ada PASSWORD\n***'],
  ["set password = password('hunter2')", 'set password = password(***)'],
  ["set password for 'ada'@'%' = 'hunter2'", "set password for 'ada'@'%' = ***"],
  ['create user x identified by "hunter2"', 'create user x identified by ***'],
  ["identified by password '*2470'", 'identified by password ***'],
  ["via ed25519 using password('hunter2')", 'via ed25519 using password(***)'],
  ["change master to master_password='hunter2'", 'change master to master_password=***'],
])('INV-20 of %j no password is told', (statement, told) => {
  expect(withoutPasswords(statement)).toBe(told)
})

test.each([
  "select 'password' from t where a = 'b'",
  "select 'password '; drop table batches; select ''",
  "select 'password '||lo_unlink(1)||''",
  'select "password ", (select number from cards), ""',
  "select $a$ password '$a$; drop table batches; select ''",
  "select '\\' password ', (select number from cards), ''",
  "alter role ada password '\\'' ; drop table batches; select '",
  "select 1 -- '\n password '; drop table batches; select '",
  "select 1 /* ' */ password '; drop table batches; select '",
  "select 1 # ' password \n; select '; drop table batches; select '",
])('INV-14 a grantee who writes of a password hides nothing: %j', (statement) => {
  expect(withoutPasswords(statement)).toBe(statement)
})

test('a statement of many lines is one', () => {
  expect(oneLineOf("select 1\n-- 'x'\u0000")).toBe("select 1\\n-- 'x'\\u0000")
})

test('INV-25 no statement takes long to read', () => {
  const began = performance.now()
  const tags = Array.from({ length: 2000 }, (_, index) => `$a${index}$`).join('')
  for (const part of ['password ', "password '", 'password $', "'", ' ', tags])
    for (const length of [9_999, 100_000])
      withoutPasswords(part.repeat(Math.ceil(length / part.length)).slice(0, length))
  expect(performance.now() - began).toBeLessThan(5_000)
})
