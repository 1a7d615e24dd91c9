import pg from 'pg'

export type Login = Readonly<{
  host: string
  port: number
  database: string
  user: string
  password: string
}>

/** The credential as `connect --show` prints it, in libpq's names. */
export const loginOf = (shown: Readonly<Record<string, string>>): Login => ({
  host: shown.PGHOST ?? '',
  port: Number(shown.PGPORT),
  database: shown.PGDATABASE ?? '',
  user: shown.PGUSER ?? '',
  password: shown.PGPASSWORD ?? '',
})

/** A session as a careless person leaves it: privileged, idle, and never closed. */
export class LeftOpen {
  readonly #login: Login
  readonly #db: pg.Client
  #ended = false

  private constructor(login: Login, db: pg.Client) {
    this.#login = login
    this.#db = db
    db.on('error', () => {
      this.#ended = true
    })
    db.on('end', () => {
      this.#ended = true
    })
  }

  static async connect(login: Login): Promise<LeftOpen> {
    const db = new pg.Client(login)
    const left = new LeftOpen(login, db)
    await db.connect()
    return left
  }

  get user(): string {
    return this.#login.user
  }

  /** Whether the password stands in `text`. */
  isIn(text: string): boolean {
    return text.includes(this.#login.password)
  }

  async setRole(role: string): Promise<void> {
    await this.#db.query(`set role ${pg.escapeIdentifier(role)}`)
  }

  async canWork(): Promise<boolean> {
    const { rowCount } = await this.#db.query('select from payments.transfers limit 1')
    return rowCount === 1
  }

  async wasEnded(): Promise<boolean> {
    if (this.#ended) return true
    return this.#db.query('select 1').then(
      () => false,
      () => true,
    )
  }

  async canLogIn(): Promise<boolean> {
    const again = new pg.Client(this.#login)
    again.on('error', () => undefined)
    return again.connect().then(
      () => again.end().then(() => true),
      () => false,
    )
  }
}

/** Somebody with a superuser's view, who takes no part. */
export class Bystander {
  readonly #pool: pg.Pool

  constructor(superuserUrl: string) {
    this.#pool = new pg.Pool({ connectionString: superuserUrl, max: 1 })
    this.#pool.on('error', () => undefined)
  }

  async stuck(): Promise<number> {
    return this.#count("select count(*) from payments.transfers where state = 'stuck'", [])
  }

  sessionsOf(role: string): Promise<number> {
    return this.#count('select count(*) from pg_stat_activity where usename = $1', [role])
  }

  async roleOf(role: string): Promise<'present' | 'absent'> {
    const found = await this.#count('select count(*) from pg_roles where rolname = $1', [
      role,
    ])
    return found === 0 ? 'absent' : 'present'
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  async #count(sql: string, values: readonly string[]): Promise<number> {
    const { rows } = await this.#pool.query<{ count: string }>(sql, [...values])
    return Number(rows[0]?.count)
  }
}
