import { nodeDisk } from '../src/disk.ts'
import { openScratch } from '../src/store/database.ts'

/** This machine's disk, with room for so many pages of the replay while `isFull()`. */
export const diskWithFullScratch = (pages: number, isFull: () => boolean) => ({
  ...nodeDisk,
  openStore: (options: Parameters<typeof nodeDisk.openStore>[0]) => ({
    ...nodeDisk.openStore(options),
    scratch() {
      const db = openScratch()
      if (isFull()) db.exec(`PRAGMA max_page_count = ${pages}`)
      return db
    },
  }),
})
