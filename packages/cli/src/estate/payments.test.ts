import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectorRole } from './payments.ts'

const page = readFileSync(
  join(import.meta.dirname, '../../../../docs/connectors/postgres.md'),
  'utf8',
)

test.each([
  ['16 and later', 160000],
  ['15', 150000],
])(
  'the SQL that the documentation gives for PostgreSQL %s is what the estate runs',
  (_, version) => {
    expect(page).toContain(`\`\`\`sql${connectorRole(version)}\`\`\``)
  },
)

test('the connector is never a superuser, and administers its roles without using them', () => {
  for (const sql of [connectorRole(150000), connectorRole(180000)])
    expect(sql).not.toMatch(/superuser|replication|bypassrls|createdb/i)
  expect(connectorRole(180000)).toContain('with admin true, inherit false, set false')
})
