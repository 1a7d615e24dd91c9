import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Digest, ok, type Result, type RosterLog } from '@halligan/core'
import {
  base64,
  type Crypto,
  type Entry,
  isEnvelope,
  openCheckpoint,
  parseCanonical,
  verifyRosterChain,
} from '@halligan/ledger'
import type { Head } from '@halligan/sdk'
import { Recomputed } from './recompute.ts'
import { type CliRefusal, failed } from './refusal.ts'

export type StoredLog = Readonly<{
  head: Head
  /** What {@link StoredLogOptions.anchor} said, once it was found inside. */
  anchored: Head | null
  /** Whether a log key of a trusted roster signed the anchor. */
  trusted: boolean
}>

export type StoredLogOptions = Readonly<{
  /** A control plane's data folder, or a copy of one. Opened for reading alone. */
  folder: string
  /** A signed checkpoint that was kept elsewhere. */
  anchor: string | null
  trust: Digest | null
}>

/** Every entry of a stored log read again: an edited, cut or exchanged file fails and says where. */
export function verifyStoredLog(
  crypto: Crypto,
  options: StoredLogOptions,
): Result<StoredLog, CliRefusal> {
  const file = join(options.folder, 'halligan.db')
  if (!existsSync(file)) return failed('no_log', `${file} is not there`)
  try {
    const db = new DatabaseSync(file, { readOnly: true })
    try {
      return verify(crypto, db, options)
    } finally {
      db.close()
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return failed(
      'unreadable_log',
      `${file}: ${error.message}`,
      'copy the folder, or stop its control plane first',
    )
  }
}

function verify(
  crypto: Crypto,
  db: DatabaseSync,
  { anchor: note, trust }: StoredLogOptions,
): Result<StoredLog, CliRefusal> {
  const anchor = note === null ? ok(null) : openAnchor(crypto, db, note, trust)
  if (!anchor.ok) return anchor
  const head = headOf(db)
  if (anchor.value !== null && anchor.value.size > head.size)
    return failed(
      'behind_anchor',
      `${head.size} entries are stored, ${anchor.value.size} are anchored`,
    )
  const fault = walk(crypto, db, head, anchor.value)
  if (fault !== null) return failed('bad_log', fault)
  const trusted = trust !== null && anchor.value !== null
  return ok({ head, anchored: anchor.value, trusted })
}

function walk(
  crypto: Crypto,
  db: DatabaseSync,
  head: Head,
  anchor: Head | null,
): string | null {
  const log = new Recomputed(crypto)
  const rows = db.prepare('SELECT idx, bytes FROM entries ORDER BY idx')
  for (const { idx, bytes } of rows.iterate()) {
    const parsed = bytes instanceof Uint8Array ? parseCanonical(bytes) : null
    if (parsed?.ok !== true) return `entry ${idx} is not canonical`
    const fault = log.add(Number(idx), parsed.value as Entry)
    if (fault !== null) return fault
    if (log.size === anchor?.size && log.root() !== anchor.root)
      return `the log is not the one that was anchored at ${anchor.size}`
  }
  if (log.size !== head.size)
    return `${log.size} entries are stored, ${head.size} were signed`
  return log.root() === head.root
    ? null
    : 'the entries do not make the root that was signed'
}

function headOf(db: DatabaseSync): Head {
  const row = db.prepare('SELECT origin, size, root FROM head').get()
  const root = row?.root instanceof Uint8Array ? base64.encode(row.root) : ''
  return { origin: String(row?.origin), size: Number(row?.size ?? 0), root }
}

/** With a trusted digest, a log key of the rosters that follow from it must have signed the anchor. */
function openAnchor(
  crypto: Crypto,
  db: DatabaseSync,
  note: string,
  trust: Digest | null,
): Result<Head, CliRefusal> {
  const logs = logsOf(crypto, db, trust)
  if (!logs.ok) return logs
  const opened = openCheckpoint(crypto, note, logs.value)
  return opened.ok
    ? opened
    : failed('bad_anchor', `the anchor fails: ${opened.error.reason}`)
}

function logsOf(
  crypto: Crypto,
  db: DatabaseSync,
  trust: Digest | null,
): Result<readonly RosterLog[], CliRefusal> {
  const rows = db
    .prepare(
      'SELECT envelope, digest FROM roster_versions JOIN rosters USING (digest) ORDER BY version',
    )
    .all()
  const chain = rows.map(({ envelope }) => JSON.parse(String(envelope))).filter(isEnvelope)
  const pinned = trust ?? (String(rows[0]?.digest) as Digest)
  const verified = verifyRosterChain(crypto, chain, { digest: pinned })
  return verified.ok
    ? ok(verified.value.rosters.at(-1)?.logs ?? [])
    : failed('bad_rosters', `the rosters fail: ${verified.error.reason}`)
}
