import { readdirSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

export type Migration = Readonly<{ version: number; name: string; sql: string }>

/** Numbered plain SQL, `NNNN-name.sql`, without a gap from 1. */
export function readMigrations(folder: URL = shipped): readonly Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  return names.map((name, i) => {
    const version = Number.parseInt(name, 10)
    if (version !== i + 1) throw new Error(`broken promise: ${name} is not number ${i + 1}`)
    return { version, name, sql: readFileSync(new URL(name, folder), 'utf8') }
  })
}

/**
 * Brings the schema up to the last migration. Each one is a transaction that also sets its number, so a kill
 * at any statement leaves either the schema before it or after it (K-17). Throws, and changes nothing, when
 * the file was written by a newer program.
 */
export function migrate(
  db: DatabaseSync,
  migrations: readonly Migration[] = readMigrations(),
): void {
  const found = schemaVersion(db)
  if (found > migrations.length)
    throw new Error(
      `this program knows schema ${migrations.length}, the store has ${found}: use a newer program`,
    )
  for (const { version, sql } of migrations.slice(found))
    db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version}; COMMIT`)
}

export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

const shipped = new URL('../../migrations/', import.meta.url)
