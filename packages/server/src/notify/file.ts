import { constants, type FileHandle, open } from 'node:fs/promises'
import { bodyOf } from './body.ts'
import type { NoticeSink } from './sink.ts'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants

/**
 * Appends each notice as one line of JSON, synced before it counts as delivered. Needs no network. The file is opened
 * anew each time, so it may be rotated; it is made private, and a symbolic link in its place is refused.
 */
export function fileSink(path: string): NoticeSink {
  return {
    async deliver(notice) {
      const file = await open(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600)
      try {
        await writeWhole(file, `${bodyOf(notice)}\n`)
        await file.datasync()
      } finally {
        await file.close()
      }
      return true
    },
  }
}

/** One write, so that lines of two processes do not mix; a short one is a full disk, and is tried again whole. */
async function writeWhole(file: FileHandle, line: string): Promise<void> {
  const bytes = Buffer.from(line)
  const { bytesWritten } = await file.write(bytes)
  if (bytesWritten < bytes.length) throw new Error('the disk took only a part of the line')
}
