/**
 * The whole log, read again from its first byte: every check that makes a stored log the one that was signed.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Digest, Instant } from '@halligan/core'
import {
  appendLeaf,
  base64,
  type Checkpoint,
  type Crypto,
  type Entry,
  emptyRange,
  isOwnId,
  leafHash,
  parseCanonical,
  type Range,
  rootOf,
  sameBytes,
} from '@halligan/ledger'
import type { Contradiction } from '../safe-mode.ts'
import type { EntryRow } from './log-table.ts'

export type Contradicted = Readonly<{ cause: Contradiction; detail: string }>

/** The entries of a log in their order, each held against those before it. */
export interface LogWalk {
  size(): number
  /** What the next row says, or why it cannot stand where it stands. */
  step(row: EntryRow): Readonly<{ entry: Entry } | { why: Contradicted }>
  /** Once every entry was walked: whether they contradict the stored head, the stored tiles or the anchor. */
  end(): Contradicted | null
}

/**
 * A store that is behind its `anchor` was rolled back; one with another root at the anchor's size was forked
 * (INV-15).
 */
export function createLogWalk(
  db: DatabaseSync,
  crypto: Crypto,
  anchor: Checkpoint | null,
): LogWalk {
  const lastOf = new Map<string, Readonly<{ idx: number; id: Digest }>>()
  const tiles = createTileCheck(db)
  let range: Range = emptyRange
  let at = 0 as Instant
  const root = () => base64.encode(rootOf(crypto, range))
  let rootThere = anchor?.size === 0 ? root() : null
  let ended = -1

  function entryOf({ idx, prev_idx, leaf, bytes }: EntryRow): Entry | string {
    if (idx !== range.size) return `stands where ${range.size} is missing`
    const hash = leafHash(crypto, bytes)
    if (!sameBytes(hash, leaf)) return 'does not hash to its leaf'
    const parsed = parseCanonical(bytes)
    if (!parsed.ok) return `is not canonical: ${parsed.error.reason}`
    const entry = parsed.value as Entry
    if (!isOwnId(crypto, entry)) return 'has an id that is not its own'
    const last = lastOf.get(entry.subject)
    if (entry.prev !== (last?.id ?? null)) return 'does not follow its subject'
    if (prev_idx !== (last?.idx ?? null)) return 'points at another entry'
    if (entry.at < at) return 'is older than the one before'
    at = entry.at
    lastOf.set(entry.subject, { idx, id: entry.id })
    range = appendLeaf(crypto, range, hash, tiles.made)
    if (range.size === anchor?.size) rootThere = root()
    return entry
  }

  return {
    size: () => range.size,
    step(row) {
      const entry = entryOf(row)
      if (typeof entry !== 'string') return { entry }
      return { why: { cause: 'bad_entry', detail: `entry ${row.idx} ${entry}` } }
    },
    end() {
      if (range.size === ended) return null
      ended = range.size
      return (
        againstHead(db, range.size, root()) ??
        tiles.end() ??
        againstAnchor(anchor, range.size, rootThere)
      )
    },
  }
}

/** Tiles are stored with the last entry below them, so each is there, with its hash, by the time the walk has made it. */
function createTileCheck(db: DatabaseSync) {
  const stored = db.prepare('SELECT hash FROM tiles WHERE level = ? AND idx = ?')
  const all = db.prepare('SELECT count(*) AS n FROM tiles')
  let [made, good] = [0, 0]
  return {
    made(level: number, index: number, hash: Uint8Array) {
      if (level === 0 || level % 8 !== 0) return
      made += 1
      const row = stored.get(level, index)
      if (row !== undefined && sameBytes(hash, row.hash as Uint8Array)) good += 1
    },
    end(): Contradicted | null {
      if (good === made && Number(all.get()?.n) === made) return null
      return { cause: 'bad_entry', detail: 'a stored tile is not made of its leaves' }
    },
  }
}

function againstHead(
  db: DatabaseSync,
  walked: number,
  rootOfWalk: string,
): Contradicted | null {
  const row = db.prepare('SELECT size, root FROM head').get()
  const size = Number(row?.size)
  const root = base64.encode(row?.root as Uint8Array)
  if (size === walked && root === rootOfWalk) return null
  const detail = `the head says ${size} ${root}, the entries make ${walked} ${rootOfWalk}`
  return { cause: 'bad_entry', detail }
}

function againstAnchor(
  anchor: Checkpoint | null,
  walked: number,
  rootThere: string | null,
): Contradicted | null {
  if (anchor === null) return null
  if (walked < anchor.size)
    return {
      cause: 'rollback',
      detail: `the anchor saw ${anchor.size}, here are ${walked}`,
    }
  if (rootThere === anchor.root) return null
  return { cause: 'fork', detail: `the root at ${anchor.size} is not the anchor's` }
}
