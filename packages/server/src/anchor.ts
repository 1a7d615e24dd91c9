/**
 * The local anchor: the highest signed checkpoint, in a file of its own on a configured path, away from the
 * database. A store that is older than its anchor, or other than it, was rolled back or forked (INV-15).
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Checkpoint, type Crypto, openNote, parseCheckpoint } from '@halligan/ledger'
import type { Scheduler } from './ports.ts'
import type { SafeMode } from './safe-mode.ts'

/** The anchor may be this far behind the frontier; an order waits for it (PROTOCOL 7). */
const mostBehindMillis = 500

export type AnchorRead =
  | Readonly<{ kind: 'found'; note: string; checkpoint: Checkpoint }>
  | Readonly<{ kind: 'missing' }>
  | Readonly<{ kind: 'unreadable'; reason: string }>

/** What stands at `path`, believed only with a signature by `vkey` when its origin is the one of `vkey`. */
export function readAnchor(crypto: Crypto, path: string, vkey: string): AnchorRead {
  try {
    return judge(crypto, readFileSync(path, 'utf8'), vkey)
  } catch (error) {
    return notRead(error)
  }
}

function judge(crypto: Crypto, note: string, vkey: string): AnchorRead {
  const checkpoint = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
  if (checkpoint === null) return { kind: 'unreadable', reason: 'not a checkpoint' }
  const foreign = !vkey.startsWith(`${checkpoint.origin}+`)
  if (foreign) return { kind: 'found', note, checkpoint }
  const opened = openNote(crypto, note, [vkey])
  return opened.ok
    ? { kind: 'found', note, checkpoint }
    : { kind: 'unreadable', reason: opened.error.reason }
}

function notRead(error: unknown): AnchorRead {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT') return { kind: 'missing' }
  return { kind: 'unreadable', reason: String(error) }
}

export type Anchored = Readonly<{ size: number; note: string }>

export interface Anchor {
  /** Called after each move of the frontier; written at most {@link mostBehindMillis} later. */
  move(size: number, note: string): void
  /** Resolves once entry `index` is below the anchor on the disk; writes at once if need be. */
  past(index: number): Promise<void>
  /** Size that is fsynced. */
  size(): number
  /** The signed note that stood at the path when the log was opened. */
  found(): Anchored | null
  /** Writes the last move down, unless the log is contradicted, and then no more. */
  close(): Promise<void>
}

/** The file of the anchor, once the log is open. */
export interface AnchorFile {
  read(): Promise<string>
  /** Either the old text or the new one is there after a crash, and the new one once this resolves. */
  replace(text: string): Promise<void>
}

export type AnchorOptions = Readonly<{
  path: string
  file: AnchorFile
  /** What stands there now, if it is ours. Another note there later was written by somebody else. */
  found: Anchored | null
  /** Reads the anchor again and judges the store by it. Null while there is nothing to read. */
  find(): Anchored | null
  scheduler: Scheduler
  safeMode: SafeMode
}>

export function createAnchor(options: AnchorOptions): Anchor {
  const { path, file, scheduler, safeMode } = options
  let onDisk = options.found
  let latest: Anchored | null = null
  let writing: Promise<void> | null = null
  let cancelTimer: (() => void) | null = null
  let closed = false

  const isBehind = () => latest !== null && latest.size > (onDisk?.size ?? 0)

  const write = async () => {
    onDisk ??= options.find()
    if (onDisk === null) throw new AnchorUnreachable(`there is no anchor at ${path}`)
    while (latest !== null && isBehind() && !closed && !safeMode.contradicted()) {
      const next = latest
      if ((await file.read()) !== onDisk.note) {
        safeMode.enter('fork', 'another writer has moved the local anchor')
        throw new AnchorUnreachable('the anchor is not ours')
      }
      await file.replace(next.note)
      onDisk = next
    }
    safeMode.leave('anchor_unreachable')
  }

  const flush = (): Promise<void> => {
    cancelTimer?.()
    cancelTimer = null
    writing ??= write()
      .catch((cause: unknown) => {
        const detail = cause instanceof Error ? cause.message : String(cause)
        if (!safeMode.contradicted()) safeMode.enter('anchor_unreachable', detail)
        throw new AnchorUnreachable(detail, { cause })
      })
      .finally(() => {
        writing = null
      })
    return writing
  }

  const flushSoon = () => {
    cancelTimer ??= scheduler.after(mostBehindMillis, () => {
      cancelTimer = null
      // The failure is in SAFE MODE's causes already; what is left to do is to try again.
      flush().catch(() => closed || safeMode.contradicted() || flushSoon())
    })
  }

  if (onDisk === null) flushSoon()
  return {
    move(size, note) {
      latest = { size, note }
      flushSoon()
    },
    async past(index) {
      while ((onDisk?.size ?? 0) <= index) {
        if ((latest?.size ?? 0) <= index || closed || safeMode.contradicted())
          throw new AnchorUnreachable(`entry ${index} cannot be anchored now`)
        await flush()
      }
    },
    size: () => onDisk?.size ?? 0,
    found: () => options.found,
    async close() {
      cancelTimer?.()
      // A log at rest has no entry that its anchor has not seen: an older copy put in its place is found out.
      if (isBehind() && !safeMode.contradicted()) await flush().catch(() => undefined)
      closed = true
      await writing?.catch(() => undefined)
    },
  }
}

/** The order in question must not be delivered. */
export class AnchorUnreachable extends Error {
  override readonly name = 'AnchorUnreachable'
}

/** Either the old file or the new one is there after a crash, and the new one once this resolves. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  const file = await open(fresh, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
