/**
 * Notices and the routes that each of them takes. A route's state is its own: a dead one neither delays nor hides what
 * another does.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import type { GrantId, Instant } from '@halligan/core'
import type { AlertRoute, Notice, NoticeDelivery, Tx, View } from './port.ts'

type Row = Readonly<Record<string, unknown>>

type Reads = Pick<View, 'notices' | 'noticesOfEntry' | 'dueNotices' | 'waitingOn'>
type Writes = Pick<
  Tx,
  | 'putNotice'
  | 'countInNotice'
  | 'noticeDelivered'
  | 'noticeTried'
  | 'adoptRoutes'
  | 'takeAlert'
>

export function readOutbox(db: DatabaseSync): Reads {
  const order = 'ORDER BY at, id LIMIT ?'
  const all = db.prepare(`SELECT * FROM notices ${order}`)
  const ofGrant = db.prepare(`SELECT * FROM notices WHERE grant_id = ? ${order}`)
  const undelivered = db.prepare(
    `SELECT * FROM notices WHERE delivered_at IS NULL ${order}`,
  )
  const ofBoth = db.prepare(
    `SELECT * FROM notices WHERE grant_id = ? AND delivered_at IS NULL ${order}`,
  )
  // Ids begin with the index of their entry and a dot; a slash is what comes next after a dot.
  const ofEntry = db.prepare(
    "SELECT * FROM notices WHERE id >= ?1 || '.' AND id < ?1 || '/' ORDER BY id",
  )
  const routesOf = db.prepare('SELECT * FROM notice_routes WHERE notice = ? ORDER BY route')
  const due = db.prepare(`
    SELECT notices.* FROM notice_routes JOIN notices ON id = notice
    WHERE route = ? AND notice_routes.retry_at <= ? AND ${waiting}
    ORDER BY page DESC, notice_routes.retry_at LIMIT ?`)
  const counted = db.prepare(`
    SELECT count(*) AS waiting, coalesce(sum(page), 0) AS pages FROM
      (SELECT page FROM notice_routes WHERE route = ? AND ${waiting}
        ORDER BY page DESC LIMIT ?)`)
  const noticeIn = (row: Row): Notice => {
    const routes = routesOf.all(String(row.id)).map(deliveryIn)
    return {
      id: String(row.id),
      at: row.at as Instant,
      kind: String(row.kind),
      grant: row.grant_id as GrantId | null,
      payload: JSON.parse(String(row.payload)),
      deliveredAt: row.delivered_at as Instant | null,
      routes,
    }
  }
  return {
    notices({ grant, undelivered: isUndelivered = false }, limit) {
      if (grant === undefined)
        return (isUndelivered ? undelivered : all).all(limit).map(noticeIn)
      return (isUndelivered ? ofBoth : ofGrant).all(grant, limit).map(noticeIn)
    },
    noticesOfEntry: (index) => ofEntry.all(String(index)).map(noticeIn),
    dueNotices: (route, now, limit) => due.all(route, now, limit).map(noticeIn),
    waitingOn(route, most) {
      const row = counted.get(route, most)
      return { waiting: Number(row?.waiting), pages: Number(row?.pages) }
    },
  }
}

/** Of a delivery that is still owed. */
const waiting = 'notice_routes.delivered_at IS NULL AND gone_at IS NULL'

const deliveryIn = (row: Row): NoticeDelivery => ({
  route: String(row.route),
  deliveredAt: row.delivered_at as Instant | null,
  attempts: Number(row.attempts),
  gone: row.gone_at !== null,
})

export function writeOutbox(db: DatabaseSync): Writes {
  const put = db.prepare(`
    INSERT OR IGNORE INTO notices (id, at, kind, grant_id, payload) VALUES (?, ?, ?, ?, ?)`)
  const countOne = db.prepare(`
    UPDATE notices SET payload = json_set(payload, '$.count',
      coalesce(payload ->> '$.count', 0) + 1) WHERE id = ?`)
  const send = db.prepare(`
    INSERT OR IGNORE INTO notice_routes (notice, route, page, retry_at)
    SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM notices WHERE id = ?1)`)
  const delivered = db.prepare(
    'UPDATE notice_routes SET delivered_at = ? WHERE notice = ? AND route = ?',
  )
  const done = db.prepare(`
    UPDATE notices SET delivered_at = ?1 WHERE id = ?2 AND delivered_at IS NULL AND NOT EXISTS
      (SELECT 1 FROM notice_routes WHERE notice = ?2 AND ${waiting})`)
  const tried = db.prepare(`
    UPDATE notice_routes SET retry_at = ?, attempts = attempts + 1
    WHERE notice = ? AND route = ?`)
  const count = db.prepare(`
    INSERT INTO alert_quota VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET
      alerts = CASE WHEN since + ?3 <= ?2 THEN 1 ELSE alerts + 1 END,
      since = CASE WHEN since + ?3 <= ?2 THEN ?2 ELSE since END
    RETURNING alerts`)
  const putOn = (
    { id, at, kind, grant, payload }: Parameters<Tx['putNotice']>[0],
    routes: readonly string[],
    dueAt: Instant,
  ) => {
    put.run(id, at, kind, grant, JSON.stringify(payload))
    const page = Number(payload.urgency === 'page')
    for (const route of routes) send.run(id, route, page, dueAt)
  }
  return {
    takeAlert(subject, at, { alerts, seconds }) {
      const row = count.get(subject, at, seconds * 1000)
      return Number(row?.alerts) <= alerts
    },
    putNotice: (notice, routes) => putOn(notice, routes, notice.at),
    countInNotice(notice, routes, dueAt) {
      putOn(notice, routes, dueAt)
      countOne.run(notice.id)
    },
    noticeDelivered(id, route, at) {
      delivered.run(at, id, route)
      done.run(at, id)
    },
    noticeTried(id, route, retryAt) {
      tried.run(retryAt, id, route)
    },
    ...adoption(db),
  }
}

/** A page is one batch of the writer, where everything else waits. */
const adoptedAtOnce = 200

/**
 * What waits follows the configuration: a new route takes it over, and one that went away owes nothing more. The routes that
 * all of it was handed to are written last, so that what is broken off is begun anew.
 */
function adoption(db: DatabaseSync): Pick<Tx, 'adoptRoutes'> {
  const page = db.prepare(`
    SELECT at, id FROM notices WHERE delivered_at IS NULL AND (at, id) > (?, ?)
    ORDER BY at, id LIMIT ${adoptedAtOnce}`)
  const leave = db.prepare(`
    UPDATE notice_routes SET gone_at = ?1 WHERE notice = ?2 AND ${waiting}
      AND route NOT IN (SELECT value FROM json_each(?3))`)
  const comeBack = db.prepare(`
    UPDATE notice_routes SET gone_at = NULL
    WHERE notice = ? AND route = ? AND gone_at IS NOT NULL AND delivered_at IS NULL`)
  // What nobody was tried with may have to wait: one that counts goes out once all is counted.
  const adopt = db.prepare(`
    INSERT OR IGNORE INTO notice_routes (notice, route, page, retry_at)
    SELECT id, ?2, payload ->> '$.urgency' = 'page', max(?4, coalesce(
      (SELECT max(retry_at) FROM notice_routes WHERE notice = id AND attempts = 0), ?4))
    FROM notices
    WHERE id = ?1 AND (?3 OR payload ->> '$.urgency' = 'page')`)
  const done = db.prepare(`
    UPDATE notices SET delivered_at = ?1 WHERE id = ?2
      AND EXISTS (SELECT 1 FROM notice_routes WHERE notice = ?2 AND delivered_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM notice_routes WHERE notice = ?2 AND ${waiting})`)
  const before = db.prepare('SELECT routes FROM adopted_routes')
  const after = db.prepare('UPDATE adopted_routes SET routes = ?')

  const hand = (id: string, routes: readonly AlertRoute[], at: Instant) => {
    leave.run(at, id, JSON.stringify(routes.map(({ name }) => name)))
    for (const { name, takes } of routes) {
      comeBack.run(id, name)
      adopt.run(id, name, Number(takes === 'all'), at)
    }
    done.run(at, id)
  }
  return {
    adoptRoutes(routes, at, from) {
      const text = JSON.stringify(routes.map(({ name, takes }) => ({ name, takes })))
      if (before.get()?.routes === text) return null
      if (from === null) after.run('')
      const [since, last] =
        from === null ? [-1, ''] : (JSON.parse(from) as [number, string])
      const rows = page.all(since, last)
      for (const { id } of rows) hand(String(id), routes, at)
      const end = rows.at(-1)
      if (end !== undefined && rows.length === adoptedAtOnce)
        return JSON.stringify([end.at, end.id])
      after.run(text)
      return null
    },
  }
}
