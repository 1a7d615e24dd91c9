import type { Digest, Instant, Json } from '@halligan/core'
import { utf8 } from './bytes.ts'
import { canonicalBytes, membersText, sortedKeys } from './canonical.ts'
import type { Crypto } from './crypto.ts'
import { digestOf, digestOfBytes } from './digest.ts'

/** One line of the ledger: an event, who did it, and the entry of the same subject before it. */
export type Entry = Readonly<{
  v: 1
  /** Digest of the entry without its id: an id names content, so `prev` chains content. */
  id: Digest
  at: Instant
  kind: string
  /** `grant/<id>`, `incident/<id>`, `policy`, `roster`, `log`, `target/<name>`, `principal/<id>` */
  subject: string
  /** A principal id, `enforcer/<id>`, `source/<name>` or `system`. */
  actor: string
  /** Id of the subject's previous entry. */
  prev: Digest | null
}> &
  Readonly<Record<string, Json>>

export type EntryDraft = Readonly<
  { at: Instant; kind: string; subject: string; actor: string } & Record<string, Json>
>

/** Longer entries are refused by the log; larger things are blobs (PROTOCOL 4). */
export const maxEntryBytes = 16 * 1024

/** `prev` is the id of the subject's previous entry, null for its first. */
export const completeEntry = (
  crypto: Crypto,
  draft: EntryDraft,
  prev: Digest | null,
): Entry => writeEntry(crypto, draft, prev).entry

/** The same entry, and its bytes: both come of one spelling of the content, into which its id is put. */
export function writeEntry(
  crypto: Crypto,
  draft: EntryDraft,
  prev: Digest | null,
): Readonly<{ entry: Entry; bytes: Uint8Array }> {
  const content = { ...draft, v: 1, prev } as const
  const keys = sortedKeys(content)
  const place = keys.findIndex((key) => key > 'id')
  const before = membersText(content, keys.slice(0, place))
  const after = membersText(content, keys.slice(place))
  const id = digestOfBytes(crypto, utf8(`{${before},${after}}`))
  return { entry: { ...content, id }, bytes: utf8(`{${before},"id":"${id}",${after}}`) }
}

/** The leaf of the log. */
export const entryBytes = (entry: Entry): Uint8Array => canonicalBytes(entry)

/** Whether the id names this content. */
export function isOwnId(crypto: Crypto, { id, ...content }: Entry): boolean {
  return digestOf(crypto, content) === id
}
