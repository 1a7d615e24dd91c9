/**
 * The one projector: what each entry makes of the tables that can be read. It sees entries and what it made
 * of earlier ones, nothing else, so that a replay of the log arrives at the same tables (INV-14).
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import { type Crypto, canonicalText, payloadDigest } from '@halligan/ledger'
import { corruptEntry, envelopeIn, payloadOf, textIn } from './payload.ts'
import { createGrantProjector, type Projector } from './project-grant.ts'

/** Every table that {@link createProjector} writes. */
export const projectionTables = [
  'grants',
  'open_targets',
  'due',
  'incidents',
  'policy_changes',
  'policies_applied',
  'roster_versions',
  'receipts',
  'erased',
  'journal_imports',
] as const

/** Rises with every change of what {@link createProjector}, or core's `evolve`, makes of the same entries. */
export const projectionVersion = 2

export function createProjector(db: DatabaseSync, crypto: Crypto): Projector {
  const setReceipt = db.prepare('INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)')
  const grant = createGrantProjector(db)
  const incident = createIncidentProjector(db)
  const trust = createTrustProjector(db)

  return (index, entry) => {
    const receipt = envelopeIn(entry.receipt)
    if (receipt !== null) {
      const { enforcer, seq } = payloadOf(receipt) as { enforcer: string; seq: number }
      setReceipt.run(enforcer, seq, payloadDigest(crypto, receipt))
    }
    if (entry.subject.startsWith('grant/')) grant(index, entry)
    else if (entry.subject.startsWith('incident/')) incident(index, entry)
    else trust(index, entry)
  }
}

function createIncidentProjector(db: DatabaseSync): Projector {
  const open = db.prepare('INSERT OR REPLACE INTO incidents VALUES (?, 1, ?)')
  const close = db.prepare('UPDATE incidents SET open = 0, state = ? WHERE id = ?')
  const read = db.prepare('SELECT state FROM incidents WHERE id = ?')

  return (_, entry) => {
    const id = textIn(entry, 'incident')
    if (entry.kind === 'incident_opened') {
      const { incident, source, severity, systems, titleCommitment } = entry
      const said = { incident, source, severity, systems, titleCommitment }
      open.run(id, JSON.stringify({ ...said, openedAt: entry.at, closedAt: null }))
    }
    if (entry.kind === 'incident_closed') {
      const before = read.get(id)
      if (before === undefined) throw corruptEntry(entry, 'it was never opened')
      const state = { ...JSON.parse(String(before.state)), closedAt: entry.at }
      close.run(canonicalText(state), id)
    }
  }
}

/** Policy, rosters, erasure and imported journals. Kinds that project to nothing are the log's own housekeeping. */
function createTrustProjector(db: DatabaseSync): Projector {
  const propose = db.prepare(
    "INSERT OR REPLACE INTO policy_changes VALUES (?, ?, ?, '[]', NULL)",
  )
  const read = db.prepare('SELECT approvers FROM policy_changes WHERE digest = ?')
  const approve = db.prepare('UPDATE policy_changes SET approvers = ? WHERE digest = ?')
  const applied = db.prepare('UPDATE policy_changes SET applied_at = ? WHERE digest = ?')
  const apply = db.prepare('INSERT INTO policies_applied VALUES (?, ?)')
  const roster = db.prepare('INSERT INTO roster_versions VALUES (?, ?)')
  const erase = db.prepare('INSERT OR IGNORE INTO erased VALUES (?, ?)')
  const imported = db.prepare('INSERT INTO journal_imports VALUES (?)')

  return (index, entry) => {
    const bundle = () => textIn(entry, 'bundleDigest')
    switch (entry.kind) {
      case 'policy_proposed':
        propose.run(bundle(), entry.actor, entry.at)
        break
      case 'policy_approval_given': {
        const before = read.get(bundle())
        if (before === undefined) throw corruptEntry(entry, 'it was never proposed')
        const approvers = [...JSON.parse(String(before.approvers)), textIn(entry, 'by')]
        approve.run(JSON.stringify(approvers), bundle())
        break
      }
      case 'policy_applied':
        apply.run(index, bundle())
        applied.run(entry.at, bundle())
        break
      case 'roster_accepted':
        roster.run(Number(entry.version), textIn(entry, 'rosterDigest'))
        break
      case 'erased':
        erase.run(textIn(entry, 'commitment'), index)
        break
      case 'journal_imported':
        imported.run(index)
        break
    }
  }
}
