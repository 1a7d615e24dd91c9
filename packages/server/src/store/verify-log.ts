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

/**
 * The first contradiction between the stored entries, the stored head and `anchor`, or null. A store that is
 * behind its anchor was rolled back; one with another root at the anchor's size was forked (INV-15).
 */
export function verifyLog(
  db: DatabaseSync,
  crypto: Crypto,
  anchor: Checkpoint | null,
): Contradicted | null {
  const steps = verifySteps(db, crypto, anchor)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const rowsPerStep = 500

/** The same in steps of some milliseconds, so that a log in use can be verified beside its work (S-05). */
export function* verifySteps(
  db: DatabaseSync,
  crypto: Crypto,
  anchor: Checkpoint | null,
): Generator<void, Contradicted | null> {
  const walk = createWalk(crypto)
  const page = db.prepare(
    'SELECT idx, prev_idx, leaf, bytes FROM entries WHERE idx > ? ORDER BY idx LIMIT ?',
  )
  let rootThere = anchor?.size === 0 ? walk.root() : null
  for (let rows = page.all(-1, rowsPerStep); rows.length > 0; ) {
    for (const row of rows) {
      const why = walk.step(row as EntryRow)
      if (why !== null) return { cause: 'bad_entry', detail: `entry ${row.idx} ${why}` }
      if (walk.size() === anchor?.size) rootThere = walk.root()
    }
    if (rows.length === rowsPerStep) yield
    rows = page.all(Number(rows.at(-1)?.idx), rowsPerStep)
  }
  return (
    againstHead(db, walk) ??
    againstTiles(db, walk) ??
    againstAnchor(anchor, walk, rootThere)
  )
}

type Walk = Readonly<{
  size(): number
  root(): string
  tiles: ReadonlyMap<string, Uint8Array>
  /** Why the next row cannot stand where it stands, or null. */
  step(row: EntryRow): string | null
}>

function createWalk(crypto: Crypto): Walk {
  const lastOf = new Map<string, Readonly<{ idx: number; id: Digest }>>()
  const tiles = new Map<string, Uint8Array>()
  let range: Range = emptyRange
  let at = 0 as Instant

  const keepTile = (level: number, index: number, hash: Uint8Array) => {
    if (level > 0 && level % 8 === 0) tiles.set(`${level}/${index}`, hash)
  }

  return {
    tiles,
    size: () => range.size,
    root: () => base64.encode(rootOf(crypto, range)),
    step({ idx, prev_idx, leaf, bytes }) {
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
      range = appendLeaf(crypto, range, hash, keepTile)
      return null
    },
  }
}

function againstHead(db: DatabaseSync, walk: Walk): Contradicted | null {
  const row = db.prepare('SELECT size, root FROM head').get()
  const size = Number(row?.size)
  const root = base64.encode(row?.root as Uint8Array)
  if (size === walk.size() && root === walk.root()) return null
  const detail = `the head says ${size} ${root}, the entries make ${walk.size()} ${walk.root()}`
  return { cause: 'bad_entry', detail }
}

function againstTiles(db: DatabaseSync, walk: Walk): Contradicted | null {
  const rows = db.prepare('SELECT level, idx, hash FROM tiles').all()
  const good = rows.filter(({ level, idx, hash }) => {
    const made = walk.tiles.get(`${level}/${idx}`)
    return made !== undefined && sameBytes(made, hash as Uint8Array)
  })
  if (good.length === walk.tiles.size && good.length === rows.length) return null
  return { cause: 'bad_entry', detail: 'a stored tile is not made of its leaves' }
}

function againstAnchor(
  anchor: Checkpoint | null,
  walk: Walk,
  rootThere: string | null,
): Contradicted | null {
  if (anchor === null) return null
  if (walk.size() < anchor.size)
    return {
      cause: 'rollback',
      detail: `the anchor saw ${anchor.size}, here are ${walk.size()}`,
    }
  if (rootThere === anchor.root) return null
  return { cause: 'fork', detail: `the root at ${anchor.size} is not the anchor's` }
}
