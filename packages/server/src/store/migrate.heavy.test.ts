import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tempFolder } from '../../test/log-kit.ts'
import { openDatabase } from './database.ts'
import { migrate, readMigrations, schemaVersion } from './migrate.ts'

let temp: ReturnType<typeof tempFolder>
beforeEach(() => {
  temp = tempFolder()
})
afterEach(() => temp.remove())

const child = fileURLToPath(new URL('../../test/migrate-child.ts', import.meta.url))
const kills = 96

function migrating(file: string, action: number) {
  const args = [child, join(temp.folder, file), String(action)]
  return spawnSync(process.execPath, args, { encoding: 'utf8' })
}

/** The version that stands in the file, and every object of the schema as it was written. */
function schemaIn(db: ReturnType<typeof openDatabase>) {
  const objects = db
    .prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name')
    .all()
  return { version: schemaVersion(db), objects: objects.map((row) => ({ ...row })) }
}

function schemaAt(version: number) {
  const db = openDatabase(':memory:')
  migrate(db, readMigrations().slice(0, version))
  const schema = schemaIn(db)
  db.close()
  return schema
}

test('K-17 a process killed anywhere in a migration leaves whole ones, and the next resumes', () => {
  const newest = readMigrations().length
  const whole = Array.from({ length: newest + 1 }, (_, version) => schemaAt(version))
  const total = Number(migrating('whole.db', 0).stdout)
  expect(total).toBeGreaterThan(kills)
  const found = new Set<number>()
  for (let kill = 1; kill <= kills; kill++) {
    const file = `killed-${kill}.db`
    expect(migrating(file, Math.ceil((kill * total) / kills)).signal).toBe('SIGKILL')
    const db = openDatabase(join(temp.folder, file))
    const left = schemaIn(db)
    expect(left).toEqual(whole[left.version])
    found.add(left.version)
    migrate(db)
    expect(schemaIn(db)).toEqual(whole[newest])
    db.close()
  }
  // The kills fell into each migration, the last one included.
  expect([...found].sort((a, b) => a - b)).toEqual(
    Array.from({ length: newest }, (_, version) => version),
  )
})
