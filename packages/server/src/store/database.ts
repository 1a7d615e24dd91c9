/**
 * The SQLite file: how it is opened, who may read it, and whether it is still there.
 *
 * `locking_mode = EXCLUSIVE` holds the lock for the life of the process, so a second server on the same folder
 * is refused (S-11); it also keeps the WAL index in memory, which no other process may then need.
 *
 * @module
 */
import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StorageFailed } from './port.ts'

export const inMemory = ':memory:'

/**
 * Opens the file for one process, durably: WAL, and `synchronous = FULL` syncs the WAL at each commit. The WAL is
 * written back and begun again every 1000 pages: to sync a file takes twice as long while it grows.
 * Throws {@link StorageFailed} when another process has it.
 */
export function openDatabase(path: string): DatabaseSync {
  if (path !== inMemory) makePrivate(path)
  const db = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  try {
    db.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
      PRAGMA secure_delete = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA trusted_schema = OFF;
      PRAGMA cache_size = -65536;
      PRAGMA wal_autocheckpoint = 1000;
      BEGIN IMMEDIATE; COMMIT;
    `)
  } catch (cause) {
    db.close()
    throw new StorageFailed(`cannot have ${path} to myself: ${message(cause)}`, { cause })
  }
  return db
}

/**
 * A database for work in hand, gone with its connection or its process. What does not fit into 64 MiB goes to a file without a
 * name in the machine's folder for temporary files.
 */
export function openScratch(): DatabaseSync {
  const db = new DatabaseSync('', { enableForeignKeyConstraints: false })
  db.exec(`
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -65536;
  `)
  return db
}

/** The WAL inherits the mode of the file, so the file is made private before SQLite sees it (CF-05). */
function makePrivate(path: string): void {
  if (existsSync(path)) return
  closeSync(openSync(path, 'wx', 0o600))
  chmodSync(path, 0o600)
}

/** A check that the file and its WAL are those that were there when it was made. */
export function watchInode(path: string): () => boolean {
  if (path === inMemory) return () => true
  const paths = [path, `${path}-wal`]
  const before = paths.map(inodeOf)
  return () => paths.every((file, i) => inodeOf(file) === before[i])
}

function inodeOf(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`
}

/** Makes whatever the WAL holds part of the file, and syncs it. Throws when it cannot. */
export function checkpointWal(db: DatabaseSync): void {
  const row = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (row === undefined || row.busy !== 0)
    throw new StorageFailed('the WAL could not be written back')
}

/** Refuses a data folder that is missing, or that others can read or write, or a file in it (CF-05). */
export function checkPrivate(folder: string, files: readonly string[]): void {
  if (!existsSync(folder))
    throw new Error(`${folder} is missing: halligan server init makes it`)
  checkMode(folder, 0o700)
  for (const file of files) if (existsSync(file)) checkMode(file, 0o600)
}

function checkMode(path: string, widest: number): void {
  const stat = statSync(path)
  const mode = stat.mode & 0o777
  if ((mode & ~widest) !== 0)
    throw new Error(
      `${path} has mode ${mode.toString(8)}: others could read or change it. ` +
        `Run: chmod ${widest.toString(8)} ${path}`,
    )
  const uid = process.getuid?.()
  if (uid !== undefined && stat.uid !== uid)
    throw new Error(`${path} belongs to user ${stat.uid}, and this program runs as ${uid}`)
}

/** Errors after which a connection's transaction cannot be trusted; the rest are faults of one statement. */
export function isStorageFailure(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  return storageCodes.has(Number(error.errcode) & 0xff)
}

/**
 * SQLite primary result codes: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN,
 * PROTOCOL, NOTADB (https://www.sqlite.org/rescode.html).
 */
const storageCodes = new Set([5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26])

const message = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause)
