import type { Digest } from '@halligan/core'
import {
  appendLeaf,
  base64,
  type Crypto,
  type Entry,
  emptyRange,
  entryBytes,
  isOwnId,
  leafHash,
  parseCheckpoint,
  type Range,
  rootOf,
} from '@halligan/ledger'
import type { Head } from '@halligan/sdk'

/** A log rebuilt from its entries alone: what its size and root must be. */
export class Recomputed {
  readonly #crypto: Crypto
  readonly #last = new Map<string, Digest>()
  #range: Range = emptyRange

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  get size(): number {
    return this.#range.size
  }

  /** What is wrong with `entry` at `index`, or null. */
  add(index: number, entry: Entry): string | null {
    if (index !== this.size) return `entry ${index} stands where ${this.size} must`
    if (!isOwnId(this.#crypto, entry)) return `entry ${index} is not what its id names`
    if (entry.prev !== (this.#last.get(entry.subject) ?? null))
      return `entry ${index} does not follow the last of ${entry.subject}`
    this.#last.set(entry.subject, entry.id)
    const leaf = leafHash(this.#crypto, entryBytes(entry))
    this.#range = appendLeaf(this.#crypto, this.#range, leaf)
    return null
  }

  /** Standard base64. */
  root(): string {
    return base64.encode(rootOf(this.#crypto, this.#range))
  }
}

/** The checkpoint of a signed note, its signature aside: whoever keeps the file vouches for it. */
export const readAnchorFile = (note: string): Head | null =>
  parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
