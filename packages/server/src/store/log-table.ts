/**
 * The log in SQLite: entries by index, the tree over them, and the head.
 *
 * The tree's right edge is held in memory as a compact range, so an append hashes twice on average. Of the
 * inner nodes, only tile roots (256 leaves, 256 tiles, ...) are stored; the rest are hashed when a proof asks.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Instant } from '@halligan/core'
import {
  appendLeaf,
  base64,
  type Crypto,
  type Entry,
  type EntryDraft,
  emptyRange,
  isOwnId,
  leafHash,
  maxEntryBytes,
  type NodeReader,
  nodeHash,
  parseCanonical,
  type Range,
  rootOf,
  sameBytes,
  writeEntry,
} from '@halligan/ledger'
import type { SealHead } from './head-seal.ts'
import type { Places } from './places.ts'
import { CorruptLog, type Head, type Placed } from './port.ts'

export class EntryTooLarge extends Error {
  override readonly name = 'EntryTooLarge'
  readonly bytes: number
  readonly limit = maxEntryBytes
  constructor(bytes: number) {
    super(`an entry of ${bytes} bytes is over ${maxEntryBytes}`)
    this.bytes = bytes
  }
}

/** The log's end. A value, so that taking back a savepoint is taking back this. */
export type Tail = Readonly<{ size: number; range: Range; at: Instant }>

export interface LogTable {
  tail(): Tail
  /** Takes back appends that a savepoint took back. */
  rewind(tail: Tail): void
  append(draft: EntryDraft, now: Instant): Placed
  /** An entry of another file of the same log, as it is. Throws unless it follows what is here. */
  restore(bytes: Uint8Array): Placed
  /** Stores (size, root) for the appends since the last call. */
  storeHead(): void
  head(): Head
  entry(index: number): Placed
  entries(after: number, limit: number): readonly Placed[]
  entriesOf(subject: string): readonly Placed[]
  entriesAfter(subject: string, kind: string): readonly Placed[]
  latestOf(subject: string, below: number, most: number): readonly Placed[]
  readonly node: NodeReader
}

/** A tile is 8 levels: 256 hashes wide (C2SP tlog-tiles). */
const tileHeight = 8

export function openLogTable(
  db: DatabaseSync,
  crypto: Crypto,
  wanted: string,
  places: Places,
  seal: SealHead | undefined,
): LogTable {
  const origin = originOf(db, crypto, wanted)
  const insert = db.prepare('INSERT INTO entries VALUES (?, ?, ?, ?)')
  const insertTile = db.prepare('INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)')
  const setHead = db.prepare('UPDATE head SET size = ?, root = ?, at = ?, seal = ?')
  const node = nodeReader(db, crypto)
  let tail = readTail(db, node)
  let stored = readHead(db)

  return {
    node,
    tail: () => tail,
    rewind(to) {
      tail = to
      places.rewind(to.size)
      if (stored.size > to.size) stored = readHead(db)
    },
    append(draft, now) {
      if (draft.at > now)
        throw new Error(`broken promise: an entry of the future, ${draft.at}`)
      const before = places.lastOf(draft.subject)
      // The log's own time: never behind the entry before (TM-07).
      const at = Math.max(draft.at, tail.at) as Instant
      const timely = at === draft.at ? draft : { ...draft, at }
      const { entry, bytes } = writeEntry(crypto, timely, before?.id ?? null)
      if (bytes.length > maxEntryBytes) throw new EntryTooLarge(bytes.length)
      return put(entry, bytes, before?.idx ?? null)
    },
    restore(bytes) {
      const entry = entryIn(bytes, tail.size)
      const before = places.lastOf(entry.subject)
      if (entry.prev !== (before?.id ?? null) || !isOwnId(crypto, entry))
        throw new CorruptLog(`entry ${tail.size} does not follow its subject`)
      return put(entry, bytes, before?.idx ?? null)
    },
    storeHead() {
      if (tail.size === stored.size) return
      stored = { size: tail.size, root: rootOf(crypto, tail.range) }
      const head = { origin, size: stored.size, root: base64.encode(stored.root) }
      setHead.run(stored.size, stored.root, tail.at, seal?.(head) ?? null)
    },
    head() {
      const { size, range } = tail
      const root = size === stored.size ? stored.root : rootOf(crypto, range)
      return { origin, size, root: base64.encode(root) }
    },
    ...readEntries(db, crypto, places),
  }

  function put(entry: Entry, bytes: Uint8Array, prevIndex: number | null): Placed {
    const index = tail.size
    const leaf = leafHash(crypto, bytes)
    insert.run(index, prevIndex, leaf, bytes)
    const range = appendLeaf(crypto, tail.range, leaf, storeTile)
    tail = { size: index + 1, range, at: entry.at }
    places.note(index, entry)
    return { index, entry }
  }

  function storeTile(level: number, index: number, hash: Uint8Array): void {
    if (level > 0 && level % tileHeight === 0) insertTile.run(level, index, hash)
  }
}

type EntryReads = Pick<
  LogTable,
  'entry' | 'entries' | 'entriesOf' | 'entriesAfter' | 'latestOf'
>

function readEntries(db: DatabaseSync, crypto: Crypto, places: Places): EntryReads {
  const one = db.prepare('SELECT idx, prev_idx, leaf, bytes FROM entries WHERE idx = ?')
  const some = db.prepare(
    'SELECT idx, prev_idx, leaf, bytes FROM entries WHERE idx > ? ORDER BY idx LIMIT ?',
  )

  const rowAt = (index: number) => {
    const row = one.get(index) as EntryRow | undefined
    if (row === undefined) throw new CorruptLog(`entry ${index} is missing`)
    return row
  }
  function* backFrom(subject: string): Generator<Placed> {
    let next: number | null = places.lastOf(subject)?.idx ?? null
    while (next !== null) {
      const row = rowAt(next)
      yield placed(crypto, row)
      next = row.prev_idx
    }
  }
  return {
    entry: (index) => placed(crypto, rowAt(index)),
    entries: (after, limit) =>
      some.all(after, limit).map((row) => placed(crypto, row as EntryRow)),
    entriesOf: (subject) => [...backFrom(subject)].reverse(),
    entriesAfter: (subject, kind) => {
      const found: Placed[] = []
      for (const each of backFrom(subject)) {
        if (each.entry.kind === kind) break
        found.push(each)
      }
      return found.reverse()
    },
    latestOf: (subject, below, most) => {
      const found: Placed[] = []
      for (const each of backFrom(subject)) {
        if (found.length >= most) break
        if (each.index < below) found.push(each)
      }
      return found.reverse()
    },
  }
}

export type EntryRow = Readonly<{
  idx: number
  prev_idx: number | null
  leaf: Uint8Array
  bytes: Uint8Array
}>

/** Checked each time it is read: a byte that changed on the disk is found here at the latest (S-05). */
function placed(crypto: Crypto, row: EntryRow): Placed {
  if (!sameBytes(leafHash(crypto, row.bytes), row.leaf))
    throw new CorruptLog(`entry ${row.idx} does not hash to its leaf`)
  return { index: row.idx, entry: entryIn(row.bytes, row.idx) }
}

function entryIn(bytes: Uint8Array, index: number): Entry {
  const parsed = parseCanonical(bytes)
  if (!parsed.ok) throw new CorruptLog(`entry ${index} is not canonical`)
  return parsed.value as Entry
}

function nodeReader(db: DatabaseSync, crypto: Crypto): NodeReader {
  const tile = db.prepare('SELECT hash FROM tiles WHERE level = ? AND idx = ?')
  const leaves = db.prepare(
    'SELECT leaf AS hash FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx',
  )
  const tiles = db.prepare(
    'SELECT hash FROM tiles WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx',
  )
  return (level, index) => {
    if (level > 0 && level % tileHeight === 0) {
      const stored = tile.get(level, index)
      if (stored !== undefined) return stored.hash as Uint8Array
    }
    const base = level === 0 ? 0 : level - 1 - ((level - 1) % tileHeight)
    const width = 2 ** (level - base)
    const [from, to] = [index * width, (index + 1) * width]
    const rows = base === 0 ? leaves.all(from, to) : tiles.all(base, from, to)
    if (rows.length !== width) throw new CorruptLog(`node ${level}/${index} is incomplete`)
    return fold(
      crypto,
      rows.map(({ hash }) => hash as Uint8Array),
    )
  }
}

/** The root of a full subtree over `hashes`, whose number is a power of two. */
function fold(crypto: Crypto, hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2)
      above.push(nodeHash(crypto, level[i] as Uint8Array, level[i + 1] as Uint8Array))
    level = above
  }
  return level[0] as Uint8Array
}

/** A file keeps the origin it was made with; it never takes another (ST-07). */
function originOf(db: DatabaseSync, crypto: Crypto, origin: string): string {
  const root = rootOf(crypto, emptyRange)
  db.prepare('INSERT OR IGNORE INTO head VALUES (1, ?, 0, ?, 0, NULL)').run(origin, root)
  return String(db.prepare('SELECT origin FROM head').get()?.origin)
}

function readHead(db: DatabaseSync) {
  const row = db.prepare('SELECT size, root FROM head').get()
  return { size: Number(row?.size), root: row?.root as Uint8Array }
}

function readTail(db: DatabaseSync, node: NodeReader): Tail {
  const row = db.prepare('SELECT size, at FROM head').get()
  const size = Number(row?.size)
  return { size, range: rangeIfWhole(node, size), at: Number(row?.at) as Instant }
}

/** A log with holes can be read, and ends can be journalled; the start-up checks let nothing be appended. */
function rangeIfWhole(node: NodeReader, size: number): Range {
  try {
    return rangeOf(node, size)
  } catch (error) {
    if (error instanceof CorruptLog) return { size, hashes: [] }
    throw error
  }
}

/** The root of the tree when it had `size` leaves. */
export const rootAt = (crypto: Crypto, node: NodeReader, size: number): string =>
  base64.encode(rootOf(crypto, rangeOf(node, size)))

/** The roots of the complete subtrees of a tree of `size` leaves, the largest first. */
function rangeOf(node: NodeReader, size: number): Range {
  const hashes: Uint8Array[] = []
  let start = 0
  for (let level = Math.floor(Math.log2(size)); level >= 0; level--) {
    const width = 2 ** level
    if (size - start < width) continue
    hashes.push(node(level, start / width))
    start += width
  }
  return { size, hashes }
}
