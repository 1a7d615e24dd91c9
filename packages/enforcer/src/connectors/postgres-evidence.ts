/**
 * What was done in a grant's sessions, by PostgreSQL's own log. The login carries `log_statement = all`, which it cannot lift
 * itself; the server writes its log as JSON (`log_destination = 'jsonlog'`) into a folder that the enforcer may read.
 *
 * The server writes what a client sends. What functions and `DO` blocks do inside is not in it, nor are rows that were read.
 *
 * @module
 */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type pg from 'pg'
import type { SessionEvidence } from './port.ts'
import { quoted } from './postgres-session.ts'

export const logSetting = '{log_statement=all}'

/** Needs `GRANT SET ON PARAMETER log_statement` to the connector's role. */
export const logStatements = (db: pg.Client, role: string) =>
  db.query(`alter role ${quoted(role)} set log_statement = 'all'`)

export const logNoMore = (db: pg.Client, role: string) =>
  db.query(`alter role ${quoted(role)} reset log_statement`)

export async function isLogged(db: pg.Client, role: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_db_role_setting where setrole = (select oid from pg_roles where rolname = $1)
     and setdatabase = 0 and 'log_statement=all' = any(setconfig)`,
    [role],
  )
  return rowCount === 1
}

type LogLine = Readonly<{
  timestamp?: string
  user?: string
  pid?: number
  dbname?: string
  error_severity?: string
  message?: string
  detail?: string
}>

const mostCharacters = 240_000
const mostBytesRead = 256 * 1024 * 1024

/**
 * Every line about `role` in the folder, oldest first. Incomplete when the log begins with the role's own lines (then there may
 * have been more before), when the folder holds more than is read, or when the text is cut.
 */
export async function evidenceIn(folder: string, role: string): Promise<SessionEvidence> {
  const lines: string[] = []
  let length = 0
  let others = 0
  let whole = true
  let budget = mostBytesRead
  for (const { path, size } of await logFiles(folder)) {
    budget -= size
    if (budget < 0) {
      whole = false
      break
    }
    for await (const line of linesOf(path)) {
      if (line.user !== role) {
        if (lines.length === 0) others++
        continue
      }
      const text = textOf(line)
      length += text.length + 1
      if (length > mostCharacters) whole = false
      else lines.push(text)
    }
  }
  return {
    what: 'postgres_log',
    text: lines.join('\n'),
    complete: whole && others > 0,
  }
}

async function logFiles(folder: string) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const { size, mtimeMs } = await stat(path)
      return { path, size, mtimeMs }
    }),
  )
  return files.toSorted((one, other) => one.mtimeMs - other.mtimeMs)
}

async function* linesOf(path: string): AsyncGenerator<LogLine> {
  const input = createReadStream(path, 'utf8')
  for await (const text of createInterface({
    input,
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const line = parsed(text)
    if (line !== null) yield line
  }
}

/** Null for a line that is being written, or is none of the server's. */
function parsed(text: string): LogLine | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

/** Passwords that a grantee typed are nobody's evidence. */
const secrets = /(\bpassword\s+)(?:[eE]?'(?:[^']|'')*'|\$([A-Za-z_]*)\$.*?\$\2\$)/gis

const textOf = ({ timestamp, pid, dbname, error_severity, message, detail }: LogLine) =>
  [
    ...[timestamp, `[${pid}]`, dbname, error_severity],
    JSON.stringify(`${message ?? ''}${detail ? ` (${detail})` : ''}`)
      .slice(1, -1)
      .replace(secrets, '$1***'),
  ].join(' ')
