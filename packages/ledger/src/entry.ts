import type { Digest, Instant, Json } from '@halligan/core'

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
