/**
 * A case file: one grant's whole story in one canonical object, provable by anyone who holds the roster's
 * digest, and by nobody's word else (PROTOCOL 3.11).
 *
 * @module
 */
import {
  type Commitment,
  type Envelope,
  evolve,
  type Grant,
  type GrantEvent,
  type GrantId,
  isSlug,
  type Result,
  refuse,
} from '@halligan/core'
import { base64 } from './base64.ts'
import { textOf, utf8 } from './bytes.ts'
import { canonicalText } from './canonical.ts'
import type { Entry } from './entry.ts'
import type { Proved } from './evidence.ts'
import {
  bytes,
  digest,
  envelope,
  flag,
  grantId,
  integer,
  isRecord,
  listOf,
  mapOf,
  nullable,
  object,
  parseAs,
  type Shape,
  slug,
} from './shape.ts'
import { parseStrict } from './strict-parser.ts'
import { parseProof } from './tlog-proof.ts'

/** `salt` is base64url of 32 bytes. An erased text has left its commitment and nothing else. */
export type CaseBlob =
  | Readonly<{ commitment: Commitment; salt: string; text: string }>
  | Readonly<{ commitment: Commitment; erased: true }>

/** An entry and its inclusion path (base64) to the case's one checkpoint. */
export type CaseEntry = Readonly<{ index: number; path: readonly string[]; entry: Entry }>

export type CaseFile = Readonly<{
  type: 'halligan/case/v1'
  estate: string
  grant: GrantId
  rosters: readonly Envelope[]
  /** The signed note, whole. */
  checkpoint: string
  /** All entries of `grant/<id>` below the checkpoint, in log order. */
  entries: readonly CaseEntry[]
  /** Sorted by commitment, each once. */
  blobs: readonly CaseBlob[]
  /** The policy bundle in force at activation, or at the ruling when it was never activated. */
  bundle: Readonly<Record<string, string>> | null
  /** What the entries replay to. */
  final: Grant
}>

export type CaseParts = Readonly<{
  estate: string
  grant: GrantId
  rosters: readonly Envelope[]
  checkpoint: string
  /** In log order, each proved to `checkpoint`. */
  entries: readonly Proved[]
  blobs: readonly CaseBlob[]
  bundle: Readonly<Record<string, string>> | null
}>

/** Throws when the parts do not even agree with themselves: the ledger is then corrupt. */
export function buildCaseFile(parts: CaseParts): CaseFile {
  const entries = parts.entries.map((proved) => caseEntry(proved, parts.checkpoint))
  const blobs = new Map(parts.blobs.map((blob) => [blob.commitment, blob]))
  return {
    type: 'halligan/case/v1',
    ...parts,
    entries,
    blobs: [...blobs.keys()].sort().map((name) => blobs.get(name) as CaseBlob),
    final: replay(entries.map(({ entry }) => entry)),
  }
}

/** One canonical line: the only bytes that this case may have. */
export const caseFileBytes = (file: CaseFile): Uint8Array =>
  utf8(`${canonicalText(file)}\n`)

export type UnreadableCase = Readonly<{ where: string; code: string; detail: string }>

/** The case in `source`, if `source` is byte for byte what {@link caseFileBytes} would write. */
export function parseCaseFile(source: Uint8Array): Result<CaseFile, UnreadableCase> {
  const text = textOf(source)
  if (text === null) return unreadable('file', 'not_utf8', 'not UTF-8')
  const parsed = parseStrict(text)
  if (!parsed.ok)
    return unreadable(
      `character ${parsed.error.at}`,
      parsed.error.code,
      parsed.error.reason,
    )
  const again = `${canonicalText(parsed.value)}\n`
  if (again !== text) {
    const at = firstDifference(again, text)
    return unreadable(`character ${at}`, 'not_canonical', 'not its own serialisation')
  }
  const file = parseAs<CaseFile>(shape, parsed.value)
  return file.ok ? file : unreadable('file', 'misshapen', file.error.reason)
}

/** The grant that the entries make, by core's own rules. Throws when they could not have happened. */
export function replay(entries: readonly Entry[]): Grant {
  const grant = entries
    .map(eventOf)
    .reduce<Grant | null>(
      (current, event) => (event === null ? current : evolve(current, event)),
      null,
    )
  if (grant === null) throw new Error('corrupt ledger: no grant was requested')
  return grant
}

/** Null for an entry that stands beside the grant's life: the erasure of a text. */
function eventOf(entry: Entry): GrantEvent | null {
  const { v, id, subject, actor, prev, ...event } = entry
  if (event.kind === 'erased') return null
  if (!Object.hasOwn(grantEvents, event.kind))
    throw new Error(`corrupt ledger: a grant has no event ${event.kind}`)
  return event as unknown as GrantEvent
}

/** Every kind there is: a new one in core does not compile until it stands here. */
const grantEvents: Readonly<Record<GrantEvent['kind'], true>> = {
  requested: true,
  ruled: true,
  approval_given: true,
  approved: true,
  denied: true,
  withdrawn: true,
  lapsed: true,
  activated: true,
  ordered: true,
  review_opened: true,
  reveal_asked: true,
  reported: true,
  exposed: true,
  revoked: true,
  returned: true,
  expired: true,
  overdue: true,
  rotation_overdue: true,
  attestation_given: true,
  attested: true,
  review_overdue: true,
  closed: true,
  superseded: true,
}

function caseEntry({ entry, proof }: Proved, checkpoint: string): CaseEntry {
  const parsed = parseProof(proof)
  if (parsed === null) throw new Error('corrupt ledger: a proof cannot be read')
  if (parsed.checkpoint !== checkpoint)
    throw new Error('corrupt ledger: a proof is to another checkpoint')
  const path = parsed.hashes.map((hash) => base64.encode(hash))
  return { index: parsed.index, path, entry: entry as Entry }
}

function firstDifference(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return at
}

const string: Shape = (value, where) =>
  typeof value === 'string' ? null : `${where}: text`
const any: Shape = () => null

const entryShape: Shape = (value, where) => {
  if (!isRecord(value)) return `${where}: an entry`
  const { v, id, at, kind, subject, actor, prev } = value
  return (
    (v === 1 ? null : `${where}.v: 1`) ??
    digest(id ?? null, `${where}.id`) ??
    integer(0)(at ?? null, `${where}.at`) ??
    slugLike(kind ?? null, `${where}.kind`) ??
    string(subject ?? null, `${where}.subject`) ??
    string(actor ?? null, `${where}.actor`) ??
    (prev === undefined
      ? `${where}.prev: this member`
      : nullable(digest)(prev, `${where}.prev`))
  )
}

const slugLike: Shape = (value, where) =>
  typeof value === 'string' && isSlug(value) ? null : `${where}: a kind`

const blobShape: Shape = (value, where) =>
  isRecord(value) && Object.hasOwn(value, 'erased')
    ? object<Extract<CaseBlob, { erased: true }>>({ commitment: digest, erased: flag })(
        value,
        where,
      )
    : object<Extract<CaseBlob, { salt: string }>>({
        commitment: digest,
        salt: bytes(32),
        text: string,
      })(value, where)

const shape = object<CaseFile>({
  type: (value, where) =>
    value === 'halligan/case/v1' ? null : `${where}: halligan/case/v1`,
  estate: slug,
  grant: grantId,
  rosters: listOf(envelope, { min: 1, max: 4096 }),
  checkpoint: string,
  entries: listOf(
    object<CaseEntry>({
      index: integer(0),
      path: listOf(string, { max: 64 }),
      entry: entryShape,
    }),
    { min: 1, max: 65_536 },
  ),
  blobs: listOf(blobShape, { max: 65_536 }),
  bundle: nullable(mapOf(() => true, string)),
  final: any,
})

const unreadable = (where: string, code: string, detail: string) =>
  refuse({ where, code, detail } as const)
