/**
 * Files on this host as rows of a snapshot. Much of what is read here is a grantee's own, who chooses how many there are, how
 * deep and how large, and what each turns into between two looks: nothing is followed, nothing is waited for, and no more is
 * read than a ration, for while this reads, nothing else of the enforcer runs.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs'
import { isMissing, type LinuxHost } from './linux-host.ts'
import type { Row } from './snapshot-rows.ts'

/** How much may still be read. */
export type Ration = { entries: number; bytes: number }

const mostBytesToRead = 1024 * 1024

export const digest = (bytes: string | Buffer): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 22)

/** Links are named, not followed: a grantee may point them anywhere. */
export function tree(
  host: LinuxHost,
  kind: string,
  path: string,
  ration: Ration,
): readonly Row[] {
  const at = host.root() + path
  const stats = attempt(() => lstatSync(at))
  if (stats === null) return []
  take(ration, 'entries', 1)
  const who = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`
  if (stats.isSymbolicLink()) {
    const to = attempt(() => readlinkSync(at)) ?? 'what is gone'
    return [[kind, path, `link to ${to}`]]
  }
  if (stats.isDirectory())
    return [
      [kind, `${path}/`, who],
      ...namesIn(at, ration).flatMap((name) => tree(host, kind, `${path}/${name}`, ration)),
    ]
  return [[kind, path, `${who} ${contentOf(at, stats, ration)}`]]
}

/** One row a line: keys are public, and whoever reviews wants to see which. */
export function keysIn(host: LinuxHost, path: string, ration: Ration): readonly Row[] {
  const at = host.root() + path
  const stats = attempt(() => lstatSync(at))
  if (stats === null) return []
  const bytes = stats.isFile() ? readPlain(at, ration) : null
  if (bytes === null) return tree(host, 'authorized_key', path, ration)
  const lines = bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line.trim().length > 0 && !line.startsWith('#'))
  take(ration, 'entries', lines.length)
  return lines.map((line) => [
    'authorized_key',
    `${path}: ${line.slice(0, 400)}`,
    digest(line),
  ])
}

/** A home of which that is too little is one row, which says so. */
const rationOfHome: Ration = { entries: 1000, bytes: 4 * mostBytesToRead }

export function inHome(
  home: string,
  kind: string,
  read: (ration: Ration) => readonly Row[],
): readonly Row[] {
  try {
    return read({ ...rationOfHome })
  } catch (error) {
    if (error instanceof TooMuch) return [[kind, `${home}/`, 'more than is read']]
    if (!(error instanceof Error && 'code' in error)) throw error
    return [[kind, `${home}/`, `cannot be read: ${error.code}`]]
  }
}

class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

function take(ration: Ration, what: keyof Ration, amount: number): void {
  ration[what] -= amount
  if (ration[what] < 0) throw new TooMuch(`more ${what} than are read`)
}

/** Throws rather than to read a folder without end. */
function namesIn(at: string, ration: Ration): readonly string[] {
  const folder = attempt(() => opendirSync(at))
  if (folder === null) return []
  try {
    const names: string[] = []
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      names.push(entry.name)
      if (names.length > ration.entries) throw new TooMuch('more entries than are read')
    }
    return names.toSorted()
  } finally {
    folder.closeSync()
  }
}

function contentOf(at: string, stats: Stats, ration: Ration): string {
  if (!stats.isFile()) return 'no plain file'
  if (stats.size > mostBytesToRead) return `${stats.size} bytes of ${stats.mtimeMs}`
  return digest(readPlain(at, ration) ?? 'no plain file')
}

/** Null for what is gone, too large or anything but a plain file by the time it is open. A pipe is not waited for. */
export function readPlain(at: string, ration: Ration): Buffer | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
  const file = attempt(
    () => openSync(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY),
    ['ELOOP', 'ENXIO'],
  )
  if (file === null) return null
  try {
    if (!fstatSync(file).isFile()) return null
    const bytes = Buffer.alloc(mostBytesToRead + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null)
    if (length > mostBytesToRead) return null
    take(ration, 'bytes', length)
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function attempt<T>(read: () => T, alsoGone: readonly string[] = []): T | null {
  try {
    return read()
  } catch (error) {
    if (isMissing(error)) return null
    if (error instanceof Error && 'code' in error && alsoGone.includes(String(error.code)))
      return null
    throw error
  }
}
