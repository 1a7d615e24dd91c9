import type { DatabaseSync } from 'node:sqlite'
import type {
  Commitment,
  Digest,
  Envelope,
  Incident,
  Instant,
  PrincipalId,
} from '@halligan/core'
import type { LogTable } from './log-table.ts'
import { readOutbox } from './outbox.ts'
import type { Places } from './places.ts'
import type { PolicyChange, View } from './port.ts'
import { readGrants } from './read-grants.ts'

type Row = Readonly<Record<string, unknown>>

export function createView(db: DatabaseSync, log: LogTable, places: Places): View {
  return {
    head: log.head,
    entries: log.entries,
    entriesOf: log.entriesOf,
    entriesAfter: log.entriesAfter,
    latestOf: log.latestOf,
    ...readGrants(db),
    ...readActs(log, places),
    ...readImports(db, log),
    ...readBlobs(db),
    ...readIncidents(db),
    ...readPolicy(db),
    ...readOutbox(db),
    ...readEnforcers(db),
  }
}

function readActs(log: LogTable, places: Places): Pick<View, 'entryOfAct'> {
  return {
    entryOfAct(digest) {
      const index = places.ofAct(digest)
      return index === null ? null : log.entry(index)
    },
  }
}

function readImports(db: DatabaseSync, log: LogTable): Pick<View, 'importedLines'> {
  const all = db.prepare('SELECT idx FROM journal_imports ORDER BY idx')
  return {
    importedLines: () =>
      all.all().map(({ idx }) => log.entry(Number(idx)).entry.line as unknown as Envelope),
  }
}

function readBlobs(db: DatabaseSync): Pick<View, 'blob'> {
  const find = db.prepare('SELECT commitment, salt, text FROM blobs WHERE commitment = ?')
  const erased = db.prepare('SELECT 1 FROM erased WHERE commitment = ?')
  return {
    blob(commitment: Commitment) {
      if (erased.get(commitment) !== undefined) return 'erased'
      return (find.get(commitment) ?? null) as ReturnType<View['blob']>
    },
  }
}

function readIncidents(db: DatabaseSync): Pick<View, 'incident' | 'openIncidents'> {
  const one = db.prepare('SELECT state FROM incidents WHERE id = ?')
  const open = db.prepare('SELECT state FROM incidents WHERE open = 1 ORDER BY id')
  const incidentIn = (row: Row) => JSON.parse(String(row.state)) as Incident
  return {
    incident(id) {
      const row = one.get(id)
      return row === undefined ? null : incidentIn(row)
    },
    openIncidents: () => open.all().map(incidentIn),
  }
}

type PolicyReads = Pick<
  View,
  | 'bundleInForce'
  | 'bundleFiles'
  | 'policyChange'
  | 'policyChanges'
  | 'rosters'
  | 'rosterInForce'
>

function readPolicy(db: DatabaseSync): PolicyReads {
  const inForce = db.prepare(
    'SELECT digest FROM policies_applied ORDER BY idx DESC LIMIT 1',
  )
  const files = db.prepare('SELECT files FROM bundles WHERE digest = ?')
  const change = db.prepare('SELECT * FROM policy_changes WHERE digest = ?')
  const changes = db.prepare(`
    SELECT * FROM policy_changes WHERE proposed_at >= ?1 OR applied_at >= ?1
    ORDER BY proposed_at, digest`)
  const rosters = db.prepare(`
    SELECT envelope FROM roster_versions JOIN rosters USING (digest) ORDER BY version`)
  const latestRoster = db.prepare(
    'SELECT digest FROM roster_versions ORDER BY version DESC LIMIT 1',
  )
  return {
    bundleInForce: () => (inForce.get()?.digest ?? null) as Digest | null,
    bundleFiles(digest) {
      const row = files.get(digest)
      return row === undefined ? null : JSON.parse(String(row.files))
    },
    policyChange(digest) {
      const row = change.get(digest)
      return row === undefined ? null : changeIn(row)
    },
    policyChanges: (since) => changes.all(since).map(changeIn),
    rosterInForce: () => (latestRoster.get()?.digest ?? null) as Digest | null,
    rosters: () =>
      rosters.all().map(({ envelope }) => JSON.parse(String(envelope)) as Envelope),
  }
}

const changeIn = (row: Row): PolicyChange => ({
  bundleDigest: row.digest as Digest,
  proposedBy: row.proposed_by as PrincipalId,
  proposedAt: row.proposed_at as Instant,
  approvers: JSON.parse(String(row.approvers)),
  appliedAt: row.applied_at as Instant | null,
})

function readEnforcers(db: DatabaseSync): Pick<View, 'lastReceipt' | 'sealed'> {
  const receipt = db.prepare('SELECT seq, digest FROM receipts WHERE enforcer = ?')
  const find = db.prepare(
    'SELECT reveal_id, jwe, receipt FROM sealed WHERE grant_id = ? AND target = ?',
  )
  return {
    lastReceipt(enforcer) {
      const row = receipt.get(enforcer)
      return row === undefined
        ? null
        : { seq: Number(row.seq), digest: row.digest as Digest }
    },
    sealed(grant, target) {
      const row = find.get(grant, target)
      if (row === undefined) return null
      const { reveal_id, jwe, receipt } = row
      return {
        revealId: String(reveal_id),
        jwe: String(jwe),
        receipt: JSON.parse(String(receipt)) as Envelope,
      }
    },
  }
}
