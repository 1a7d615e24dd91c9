import type {
  Commitment,
  Digest,
  Envelope,
  Grant,
  GrantId,
  Incident,
  Instant,
  PrincipalId,
  Result,
} from '@halligan/core'
import type { Entry, EntryDraft, NodeReader } from '@halligan/ledger'

/** An entry and its place in the log. */
export type Placed = Readonly<{ index: number; entry: Entry }>

export type Head = Readonly<{ origin: string; size: number; root: string }>

export type Blob = Readonly<{ commitment: Commitment; salt: string; text: string }>

/** Cursor pages: `after` is the last row's cursor of the page before; null begins. */
export type Page<T> = Readonly<{ items: readonly T[]; next: string | null }>

export type GrantFilter = Readonly<{
  requester?: PrincipalId
  phases?: readonly Grant['phase'][]
  entitlement?: string
  system?: string
  reviewOpen?: boolean
}>

/** Work that the passing of time makes due. Kept in the store, so no restart or suspend loses it. */
export type DueWork = Readonly<{
  at: Instant
  kind: 'time_out' | 'overdue' | 'rotation_overdue' | 'review_overdue' | 'refusal_summary'
  /** A grant id, or `log`. */
  subject: string
}>

export type Notice = Readonly<{
  id: string
  at: Instant
  kind: string
  grant: GrantId | null
  /** Ids and enums only; the receiver opens Halligan for the rest. */
  payload: Readonly<Record<string, string | number | boolean | null>>
  /** When the last of its routes took it. */
  deliveredAt: Instant | null
  routes: readonly NoticeDelivery[]
}>

/** One notice on one route. `gone`: the route was configured no more before it took it. */
export type NoticeDelivery = Readonly<{
  route: string
  deliveredAt: Instant | null
  attempts: number
  gone: boolean
}>

/** A way out of the house, and whether it takes what can wait for the morning too. */
export type AlertRoute = Readonly<{ name: string; takes: 'pages' | 'all' }>

/** A proposed policy bundle on its way to being applied by quorum. */
export type PolicyChange = Readonly<{
  bundleDigest: Digest
  proposedBy: PrincipalId
  proposedAt: Instant
  approvers: readonly PrincipalId[]
  appliedAt: Instant | null
}>

/** What can be read. Everything here is a projection of the log, except blobs, nonces and notices. */
export interface View {
  head(): Head
  grant(id: GrantId): Grant | null
  grants(filter: GrantFilter, after: string | null, limit: number): Page<Grant>
  /** In log order. */
  entriesOf(subject: string): readonly Placed[]
  /** Those that came after the last of `kind`, or all if there is none, in log order. What came before it is not read. */
  entriesAfter(subject: string, kind: string): readonly Placed[]
  /** Its last entries with an index below `below`, at most so many, in log order. What came before them is not read. */
  latestOf(subject: string, below: number, most: number): readonly Placed[]
  entries(after: number, limit: number): readonly Placed[]
  /** The entry with this act's digest in it, if the act was accepted. */
  entryOfAct(actDigest: Digest): Placed | null
  /** Grants of which an order is not settled at `enforcer`. */
  unsettledAt(enforcer: string): readonly Grant[]
  /** Those of them that confer access at `now`. However many wait to be swept, they are not read. */
  standingAt(enforcer: string, now: Instant): readonly Grant[]
  /** Those of them that were ended. */
  endedAt(enforcer: string): readonly Grant[]
  blob(commitment: Commitment): Blob | 'erased' | null
  incident(id: string): Incident | null
  openIncidents(): readonly Incident[]
  /** Digest of the bundle in force, or null before the first. */
  bundleInForce(): Digest | null
  bundleFiles(digest: Digest): Readonly<Record<string, string>> | null
  policyChange(digest: Digest): PolicyChange | null
  policyChanges(since: Instant): readonly PolicyChange[]
  /** Accepted rosters, first version first. */
  rosters(): readonly Envelope[]
  /** Digest of the last of them; null before the first. */
  rosterInForce(): Digest | null
  /** Targets of grants that are over by `now` and not settled there, counted to `most`. */
  endsOpen(now: Instant, most: number): number
  due(now: Instant, limit: number): readonly DueWork[]
  /** Of what is due, the targets that had their time to be ended, longest due first. */
  overdue(now: Instant, limit: number): readonly DueWork[]
  /** When there is something to do next, notices included. */
  nextDue(): Instant | null
  /** Activations in [since, now), drills aside, counted to 10,000. */
  uses(of: { entitlement: string } | { person: PrincipalId }, since: Instant): number
  reviewsOf(person: PrincipalId): Readonly<{ open: number; overdue: number }>
  notices(
    filter: { grant?: GrantId; undelivered?: boolean },
    limit: number,
  ): readonly Notice[]
  /** Of those that were made for the entry at `index`. */
  noticesOfEntry(index: number): readonly Notice[]
  /** What `route` has to be tried with by now: pages first. */
  dueNotices(route: string, now: Instant, limit: number): readonly Notice[]
  /** What `route` has not taken yet, counted to `most`. */
  waitingOn(route: string, most: number): Readonly<{ waiting: number; pages: number }>
  /** Lines of earlier journals, in the order in which they were imported. */
  importedLines(): readonly Envelope[]
  /** Last receipt of an enforcer: its next must chain to it. */
  lastReceipt(enforcer: string): Readonly<{ seq: number; digest: Digest }> | null
  sealed(
    grant: GrantId,
    target: string,
  ): Readonly<{ revealId: string; jwe: string; receipt: Envelope }> | null
}

/** One command's part of a batch. Its savepoint takes back all of it when the command refuses. */
export interface Tx extends View {
  /** Completes the draft with `prev` and `id`, gives it the next index, and projects it. */
  append(draft: EntryDraft): Placed
  putBlob(blob: Blob): void
  /** False if it was used before. */
  useNonce(nonce: string, expires: Instant): boolean
  putNotice(notice: Omit<Notice, 'deliveredAt' | 'routes'>, routes: readonly string[]): void
  /**
   * As `putNotice`, but it waits until `dueAt`, and counts: its payload's `count` is how often it was put. To be put before
   * `dueAt` alone.
   */
  countInNotice(
    notice: Omit<Notice, 'deliveredAt' | 'routes'>,
    routes: readonly string[],
    dueAt: Instant,
  ): void
  noticeDelivered(id: string, route: string, at: Instant): void
  /** Counts an attempt before it is made, and puts the next off. */
  noticeTried(id: string, route: string, retryAt: Instant): void
  /**
   * Whatever is not delivered wholly waits on exactly these routes from now on, some of it with each call. Returns the cursor
   * for the next call, which is `after` there; null begins, and ends.
   */
  adoptRoutes(
    routes: readonly AlertRoute[],
    at: Instant,
    after: string | null,
  ): string | null
  /** Counts one alert about `subject`. False when it had `most.alerts` in the `most.seconds` before. */
  takeAlert(
    subject: string,
    at: Instant,
    most: Readonly<{ alerts: number; seconds: number }>,
  ): boolean
  putBundle(digest: Digest, files: Readonly<Record<string, string>>): void
  putRoster(roster: Envelope): void
  putSealed(
    grant: GrantId,
    target: string,
    revealId: string,
    jwe: string,
    receipt: Envelope,
  ): void
  /** Use-counters that PROTOCOL 4 caps and summarises. */
  countRefusal(code: string, at: Instant): void
  /** Takes one of `limit` refusal entries that `subject` has in this minute. False when none is left. */
  takeRefusalEntry(subject: string, at: Instant, limit: number): boolean
  /** What was counted and not yet summarised; counting begins anew. Null when nothing was. */
  takeRefusalCounts(): Readonly<{ from: Instant; counts: Record<string, number> }> | null
}

/** A command's first durable result, as JSON text. */
export type StoredResult = Readonly<{ size: number; result: string }>

/** One transaction of the writer, made of commands that cannot harm each other. */
export interface Batch {
  /**
   * Runs one command under its own savepoint: whatever it changed is taken back when it refuses or throws.
   * Throws {@link StorageFailed} when the whole transaction is lost.
   */
  attempt<R extends { readonly ok: boolean }>(run: (tx: Tx) => R): R
  resultOf(key: Digest): StoredResult | null
  keepResult(key: Digest, result: string): void
}

/**
 * Where the log and its projections live. Synchronous: nothing else runs between BEGIN and COMMIT.
 * `store.contract.ts` is what every store must pass.
 */
export interface Store {
  view(): View
  /**
   * One durable transaction; with it are stored the entries, their leaf hashes and the head (size, root).
   * Throws {@link StorageFailed} when it is not known whether the transaction is durable: the store must then
   * be reopened before anything else is believed.
   */
  transact<T>(now: Instant, work: (batch: Batch) => T): T
  resultOf(key: Digest): StoredResult | null
  /** Complete subtrees of the Merkle tree (RFC 6962), for proofs. */
  node: NodeReader
  /** Instant of the last entry. The log's time never runs backwards (TM-07). */
  lastAt(): Instant
  /** Whether the files under the open store are still the ones that were opened (S-13). */
  inPlace(): boolean
  /** After a failure: closes, opens again, and makes what is found durable. Throws if that fails. */
  reopen(): void
  close(): void
}

/** The disk, not the command: nothing is known of the transaction until the store is reopened. */
export class StorageFailed extends Error {
  override readonly name = 'StorageFailed'
}

/** What is stored contradicts what was signed or hashed. */
export class CorruptLog extends Error {
  override readonly name = 'CorruptLog'
}

/**
 * One command in the writer's queue. `run` is synchronous and touches nothing but `tx`. With a `key`, the first
 * durable result is kept and given again for the same key and the same `fingerprint`, for ever (INV-22).
 * A refusal rolls the command back; `onRefusal` then says what entry, if any, records it.
 */
export type Command<T, E extends { readonly code: string }> = Readonly<{
  name: string
  key: Digest | null
  /** Ends or records an end: runs in SAFE MODE too, unless the log itself is contradicted (INV-18). */
  ending?: boolean
  /** Nobody waits for its answer: the clock made it due. What somebody waits for goes before it (L-01). */
  patient?: boolean
  /** Where the log is contradicted, this goes to the journal in place of the log (PROTOCOL 7). */
  journal?: JournalItem
  /** Codes that say "try again": such a refusal takes no key. */
  transient?: readonly E['code'][]
  run(tx: Tx, now: Instant): Result<T, E>
  onRefusal?(tx: Tx, refusal: E, now: Instant): void
}>

/** A statement whose effect must not wait for the log: an act that ends, an order to end, a receipt. */
export type JournalItem = Readonly<{
  kind: 'act' | 'order' | 'receipt'
  envelope: Envelope
}>

export type WriterRefusal = Readonly<
  | { code: 'outcome_unknown' }
  /** `detail` says how far a log is that is being verified. */
  | { code: 'safe_mode'; causes: readonly string[]; detail?: string }
  | { code: 'clock_unsafe' }
  /** In the journal, durably, and not in the log: the end may proceed. */
  | { code: 'journalled'; seq: number }
  | { code: 'entry_too_large'; bytes: number; limit: number }
>

/**
 * The only way to change anything. Commands are batched into one transaction; no answer leaves before its
 * entries are durable and under a signed checkpoint (INV-1, INV-2).
 */
export interface Writer {
  submit<T, E extends { readonly code: string }>(
    command: Command<T, E>,
  ): Promise<Result<T, E | WriterRefusal>>
  /** Highest durable, checkpointed size, with its signed note. */
  frontier(): Readonly<{ head: Head; checkpoint: string }>
  /** Calls back after each move of the frontier. Returns how to stop. */
  onFrontier(listener: (size: number) => void): () => void
  /**
   * Resolves once the local anchor is fsynced past entry `index`: before that, no order in it may be
   * delivered (PROTOCOL 7). Rejects while the anchor is unreachable.
   */
  anchored(index: number): Promise<void>
}
