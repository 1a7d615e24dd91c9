import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import pg from 'pg'

/** What the superuser saw of one login of ours, in PostgreSQL's own time (ms). */
export type Seen = {
  readonly role: string
  /** Every identity that ever bore the name. */
  readonly oids: Set<string>
  lastCouldLogIn: number
  lastSession: number
}

const look = `
select r.oid::text, r.rolname, r.rolcanlogin,
       floor(extract(epoch from clock_timestamp()) * 1000)::bigint::text as now,
       floor(extract(epoch from r.rolvaliduntil) * 1000)::text as until,
       (select count(*) from pg_stat_activity a where a.usesysid = r.oid)::int as sessions
from pg_roles r where r.rolname like 'halligan\\_g\\_%'`

type Row = Readonly<{
  oid: string
  rolname: string
  rolcanlogin: boolean
  now: string
  until: string | null
  sessions: number
}>

/** Looks as the superuser, many times a second, and takes no part. Blind while PostgreSQL is away. */
export class Witness {
  readonly seen = new Map<string, Seen>()
  readonly #url: string
  readonly #over: Promise<void>
  #stopped = false

  constructor(superuserUrl: string) {
    this.#url = superuserUrl
    this.#over = this.#watch()
  }

  of(grant: GrantId): Seen | undefined {
    return this.seen.get(`halligan_g_${grant.slice(2)}`)
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#over
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const db = new pg.Client({ connectionString: this.#url })
      db.on('error', () => undefined)
      await this.#follow(db).catch((error: unknown) => {
        if (!(error instanceof Error)) throw error
      })
      await db.end().catch(() => undefined)
      await pause(50)
    }
  }

  async #follow(db: pg.Client): Promise<void> {
    await db.connect()
    while (!this.#stopped) {
      const { rows } = await db.query<Row>(look)
      for (const row of rows) this.#note(row)
      await pause(25)
    }
  }

  #note({ oid, rolname: role, rolcanlogin, now, until, sessions }: Row): void {
    const seen = this.seen.get(role) ?? {
      role,
      oids: new Set(),
      lastCouldLogIn: 0,
      lastSession: 0,
    }
    this.seen.set(role, seen)
    seen.oids.add(oid)
    const at = Number(now)
    const valid = until === null || at < Number(until)
    if (rolcanlogin && valid) seen.lastCouldLogIn = at
    if (sessions > 0) seen.lastSession = at
  }
}
