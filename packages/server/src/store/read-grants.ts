import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { endingPhases, type Grant, type Instant, type PrincipalId } from '@halligan/core'
import type { DueWork, GrantFilter, Page, View } from './port.ts'

type GrantReads = Pick<
  View,
  | 'grant'
  | 'grants'
  | 'unsettledAt'
  | 'standingAt'
  | 'endedAt'
  | 'uses'
  | 'reviewsOf'
  | 'endsOpen'
  | 'due'
  | 'overdue'
  | 'nextDue'
>

/** Grants, and the work and counts that follow from them. */
export function readGrants(db: DatabaseSync): GrantReads {
  const one = db.prepare('SELECT state FROM grants WHERE id = ?')
  const unsettled = db.prepare(`
    SELECT state FROM grants WHERE id IN
      (SELECT grant_id FROM open_targets WHERE enforcer = ?) ORDER BY asked_idx`)
  // From the few to their targets, and never from every target that waits to be swept to its grant.
  const standing = db.prepare(`
    SELECT state FROM grants WHERE id IN
      (SELECT grant_id FROM due CROSS JOIN open_targets ON grant_id = subject
        WHERE kind = 'time_out' AND at > ?2 AND enforcer = ?1) ORDER BY asked_idx`)
  const ended = db.prepare(`
    SELECT state FROM grants WHERE id IN
      (SELECT grant_id FROM grants CROSS JOIN open_targets ON grant_id = id
        WHERE phase IN (${ending}) AND enforcer = ?) ORDER BY asked_idx`)
  const usesBy = (column: 'entitlement' | 'requester') =>
    db.prepare(`SELECT count(*) AS n FROM
      (SELECT 1 FROM grants WHERE ${column} = ? AND activated_at >= ?
        AND activated_at IS NOT NULL AND drill = 0 LIMIT ${mostUses})`)
  const usesOfEntitlement = usesBy('entitlement')
  const usesOfPerson = usesBy('requester')
  const reviews = db.prepare(`
    SELECT count(*) AS open, coalesce(sum(review_overdue), 0) AS overdue
    FROM grants WHERE requester = ? AND review_open = 1`)
  // CROSS JOIN keeps the order: from the index of the phases to the few targets, and not from every target to its grant.
  const endsOpen = db.prepare(`
    SELECT count(*) AS n FROM (
      SELECT 1 FROM grants CROSS JOIN open_targets ON grant_id = id
        WHERE phase IN (${ending})
      UNION ALL
      SELECT 1 FROM due CROSS JOIN open_targets ON grant_id = subject
        WHERE kind = 'time_out' AND at <= ?
      LIMIT ?)`)
  const dueNow = db.prepare(
    'SELECT at, kind, subject FROM due WHERE at <= ? ORDER BY at LIMIT ?',
  )
  const overdueNow = db.prepare(
    "SELECT at, kind, subject FROM due WHERE kind = 'overdue' AND at <= ? ORDER BY at LIMIT ?",
  )
  const summaryDue = db.prepare(summary)
  // Each minimum by itself is the first row of an index; one over all of them together would read every row that is due.
  const nextDue = db.prepare(`SELECT min(at) AS at FROM (
    SELECT min(at) AS at FROM due
    UNION ALL
    SELECT at FROM (${summary})
    UNION ALL
    SELECT min(retry_at) FROM notice_routes WHERE delivered_at IS NULL AND gone_at IS NULL
  )`)
  const dueOf = (now: Instant, limit: number): readonly DueWork[] => {
    const summaries = summaryDue.all() as unknown as DueWork[]
    return [
      ...(dueNow.all(now, limit) as unknown as DueWork[]),
      ...summaries.filter(({ at }) => at <= now),
    ]
      .toSorted((one, other) => one.at - other.at)
      .slice(0, limit)
  }

  return {
    grant: (id) => grantIn(one.get(id)),
    grants: (filter, after, limit) => pageOfGrants(db, filter, after, limit),
    unsettledAt: (enforcer) => unsettled.all(enforcer).map(mustBeGrant),
    standingAt: (enforcer, now) => standing.all(enforcer, now).map(mustBeGrant),
    endedAt: (enforcer) => ended.all(enforcer).map(mustBeGrant),
    uses: (of, since) =>
      'entitlement' in of
        ? Number(usesOfEntitlement.get(of.entitlement, since)?.n)
        : Number(usesOfPerson.get(of.person, since)?.n),
    reviewsOf(person: PrincipalId) {
      const row = reviews.get(person)
      return { open: Number(row?.open), overdue: Number(row?.overdue) }
    },
    endsOpen: (now, most) => Number(endsOpen.get(now, most)?.n),
    due: dueOf,
    overdue: (now, limit) => overdueNow.all(now, limit) as unknown as DueWork[],
    nextDue: () => (nextDue.get()?.at ?? null) as ReturnType<View['nextDue']>,
  }
}

const ending = endingPhases.map((phase) => `'${phase}'`).join(', ')

/** Past it a count says "very many". It is read inside the writer, where everything else waits. */
const mostUses = 10_000

/** Refusals are summarised at most once a minute (PROTOCOL 4). */
const summary = `
  SELECT min(first_at) + 60000 AS at, 'refusal_summary' AS kind, 'log' AS subject
  FROM refusal_counts HAVING count(*) > 0`

/**
 * Newest first. The cursor is the index at which the last grant of the page was asked for. Each phase is read by itself, in the
 * order of its index: grants that have ended, however many, cost those that stand nothing.
 */
function pageOfGrants(
  db: DatabaseSync,
  { phases, ...filter }: GrantFilter,
  after: string | null,
  limit: number,
): Page<Grant> {
  const parts = [...new Set(phases ?? [null])].map((phase) => partOf(filter, phase, after))
  const all = parts.map(({ where }) => `SELECT * FROM (${select} ${where} ${newest})`)
  const rows = db
    .prepare(`${all.join(' UNION ALL ')} ${newest}`)
    .all(...parts.flatMap(({ values }) => [...values, limit + 1]), limit + 1)
  const page = rows.slice(0, limit)
  const next = rows.length > limit ? String(page.at(-1)?.asked_idx) : null
  return { items: page.map(mustBeGrant), next }
}

const select = 'SELECT asked_idx, state FROM grants'
const newest = 'ORDER BY asked_idx DESC LIMIT ?'

/** `review_open` stands in the text: a partial index is of use to no bound value. */
function partOf(
  filter: Omit<GrantFilter, 'phases'>,
  phase: Grant['phase'] | null,
  after: string | null,
) {
  const { requester, entitlement, system, reviewOpen } = filter
  const all: [string, SQLInputValue[]][] = []
  if (after !== null) all.push(['asked_idx < ?', [Number(after)]])
  if (requester !== undefined) all.push(['requester = ?', [requester]])
  if (phase !== null) all.push(['phase = ?', [phase]])
  if (entitlement !== undefined) all.push(['entitlement = ?', [entitlement]])
  if (system !== undefined) all.push(['system = ?', [system]])
  if (reviewOpen !== undefined) all.push([`review_open = ${Number(reviewOpen)}`, []])
  const where = all.map(([text]) => text).join(' AND ')
  return {
    where: where === '' ? '' : `WHERE ${where}`,
    values: all.flatMap(([, values]) => values),
  }
}

type Row = Readonly<Record<string, unknown>> | undefined

const grantIn = (row: Row): Grant | null =>
  row === undefined ? null : (JSON.parse(String(row.state)) as Grant)

const mustBeGrant = (row: Row): Grant => JSON.parse(String(row?.state)) as Grant
