/**
 * Using a PostgreSQL credential without letting it show: it travels in the environment of psql, or in a file of mode
 * 0600, never on a command line, and no shell ever reads it (WB-19).
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Result } from '@halligan/core'
import { visible } from './display/visible.ts'
import { writePrivately } from './key-file.ts'
import { type CliRefusal, failed } from './refusal.ts'

const names = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD'] as const
const optional = ['PGSSLMODE', 'PGSSLROOTCERT'] as const

/** libpq's own names for a login, and no other variable: a credential must not reach further than libpq. */
export type DatabaseLogin = Readonly<
  Record<(typeof names)[number], string> &
    Partial<Record<(typeof optional)[number], string>>
>

const plain = /^[A-Za-z0-9._:/+=~-]{1,255}$/

/** The credential as a PostgreSQL login. Anything that a file or program could misread is refused. */
export function databaseLogin(
  credential: Readonly<Record<string, string>>,
): Result<DatabaseLogin, CliRefusal> {
  const missing = names.find((name) => credential[name] === undefined)
  const known: readonly string[] = [...names, ...optional]
  const odd = Object.entries(credential).find(
    ([name, value]) => !known.includes(name) || !plain.test(value),
  )
  const bad = missing ?? odd?.[0]
  return bad === undefined
    ? ok(credential as DatabaseLogin)
    : failed(
        'not_a_database_login',
        `the credential has no usable ${visible(bad)}`,
        'halligan connect GRANT --show',
      )
}

/** What psql and all that is started from within it may know: nothing of Halligan's own, its passphrase least (INV-20). */
export function psqlEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  login: DatabaseLogin,
): Readonly<Record<string, string | undefined>> {
  const rest = Object.entries(own).filter(([name]) => !name.startsWith('HALLIGAN_'))
  return { ...Object.fromEntries(rest), ...login, PGAPPNAME: 'halligan' }
}

/** psql's exit code, or null when there is no psql on this machine. */
export function openPsql(
  login: DatabaseLogin,
  args: readonly string[],
): Promise<number | null> {
  const env = psqlEnvironment(process.env, login)
  const psql = spawn('psql', args, { env, stdio: 'inherit', shell: false })
  return new Promise((resolve, reject) => {
    psql.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve(null) : reject(error),
    )
    psql.once('exit', (code) => resolve(code ?? 1))
  })
}

/** `NAME=value` lines, one a variable of libpq; values hold nothing that needs quoting. */
export async function writeLoginFile(
  folder: string,
  name: string,
  login: DatabaseLogin,
): Promise<string> {
  const logins = join(folder, 'logins')
  await mkdir(logins, { recursive: true, mode: 0o700 })
  const file = join(logins, `${name}.env`)
  const lines = Object.entries(login).map(
    ([variable, value]) => `export ${variable}=${value}`,
  )
  await writePrivately(file, `${lines.join('\n')}\n`)
  return file
}

export type Rows = Readonly<{
  command: string
  rowCount: number | null
  fields: readonly string[]
  rows: readonly Readonly<Record<string, unknown>>[]
}>

/** One statement, as the person of the grant. What the database says no to is reported in its words. */
export async function runSql(
  login: DatabaseLogin,
  sql: string,
): Promise<Result<Rows, CliRefusal>> {
  const { default: pg } = await import('pg')
  const db = new pg.Client({
    host: login.PGHOST,
    port: Number(login.PGPORT),
    database: login.PGDATABASE,
    user: login.PGUSER,
    password: login.PGPASSWORD,
    ssl: login.PGSSLMODE === 'verify-full',
    application_name: 'halligan',
  })
  // A session that is ended under us is an answer to the query, not a crash.
  db.on('error', () => undefined)
  try {
    await db.connect()
    const result = await db.query<Record<string, unknown>>(sql)
    const { command, rowCount, rows } = result
    return ok({ command, rowCount, rows, fields: result.fields.map(({ name }) => name) })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return failed('database_refused', error.message, 'halligan status GRANT')
  } finally {
    await db.end().catch(() => undefined)
  }
}
