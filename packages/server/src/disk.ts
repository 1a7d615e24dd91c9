import { readFile } from 'node:fs/promises'
import { type AnchorFile, replaceFile } from './anchor.ts'
import { type Journal, type JournalOptions, openJournal } from './journal.ts'
import { openStore, type SqliteStore, type StoreOptions } from './store/sqlite.ts'

/**
 * Everything of the log that lies on a disk, as it is opened. Each call of what it gives is durable when it returns or
 * resolves, and throws when the disk refuses; a simulation hands in disks that fill up, fail and forget.
 */
export interface Disk {
  openStore(options: StoreOptions): SqliteStore
  openJournal(options: JournalOptions): Journal
  anchorAt(path: string): AnchorFile
}

export const nodeDisk: Disk = {
  openStore,
  openJournal,
  anchorAt: (path) => ({
    read: () => readFile(path, 'utf8'),
    replace: (text) => replaceFile(path, text),
  }),
}
