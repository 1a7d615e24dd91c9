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
import type { GrantId } from '@halligan/core'
import type pg from 'pg'
import { oneLineOf, withoutPasswords } from './evidence-line.ts'
import type { SessionEvidence } from './port.ts'
import { literal, quoted } from './postgres-session.ts'

export const logSetting = '{log_statement=all}'

/**
 * From here on, as far as the grant is concerned: a line of the connector's own marks the place in the log, before the login
 * can be entered. What that needs, {@link lacksForLogging} names.
 */
export async function logStatements(
  db: pg.Client,
  role: string,
  grant: GrantId,
): Promise<void> {
  const marking = `begin raise log '%', ${literal(markOf(role, grant))}; end`
  await db.query(`do ${literal(marking)}`)
  await db.query(`alter role ${quoted(role)} set log_statement = 'all'`)
}

/** In words, what the connector's role would need for that and has not. */
export async function lacksForLogging(db: pg.Client): Promise<readonly string[]> {
  const { rows } = await db.query<{ sets: boolean; marks: boolean }>(
    `select has_parameter_privilege('log_statement', 'set') as sets, exists (
       select from pg_language where lanname = 'plpgsql' and has_language_privilege(oid, 'usage')
     ) as marks`,
  )
  const [row] = rows
  return [
    ...(row?.sets === true ? [] : ['may not set log_statement, as evidence asks for']),
    ...(row?.marks === true ? [] : ['may not use plpgsql, as evidence asks for']),
  ]
}

const markOf = (role: string, grant: GrantId): string => `halligan: ${grant} has ${role}`

export const logNoMore = (db: pg.Client, role: string) =>
  db.query(`alter role ${quoted(role)} reset log_statement`)

/** Whether the login's statements are still logged, and by whom the marks in the log are. */
export async function readLogging(
  db: pg.Client,
  role: string,
): Promise<Readonly<{ stands: boolean; markedBy: string }>> {
  const { rows } = await db.query<{ stands: boolean; markedBy: string }>(
    `select session_user::text as "markedBy", exists (
       select from pg_db_role_setting where setrole = (select oid from pg_roles where rolname = $1)
       and setdatabase = 0 and 'log_statement=all' = any(setconfig)) as stands`,
    [role],
  )
  const [row] = rows
  if (row === undefined) throw new Error('a select without its row')
  return row
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

/** Whose sessions, and of which grant. `markedBy`: the connector's own login, which nobody else's lines can pass for. */
export type Wanted = Readonly<{ role: string; grant: GrantId; markedBy: string }>

/**
 * Every line about the login since the grant has it, oldest first: what others did before is not read. Incomplete when the log
 * does not go back so far, when the folder holds more than is read, or when the text is cut.
 */
export async function evidenceIn(folder: string, wanted: Wanted): Promise<SessionEvidence> {
  const parts: (readonly string[])[] = []
  let budget = mostBytesRead
  let whole = false
  for (const { path, size } of await newestFirst(folder)) {
    budget -= size
    if (budget < 0) break
    const { lines, isMarked } = await readFile(path, wanted)
    parts.unshift(lines)
    whole = isMarked
    if (isMarked) break
  }
  const fitting = fit(parts.flat())
  return {
    what: 'postgres_log',
    text: fitting.join('\n'),
    complete: whole && fitting.length === parts.flat().length,
  }
}

/** From the mark on, where the file has it. One line more than is told, so that it shows when there are more. */
async function readFile(path: string, { role, grant, markedBy }: Wanted) {
  const mark = markOf(role, grant)
  let lines: string[] = []
  let length = 0
  let isMarked = false
  for await (const line of linesOf(path)) {
    if (!isMarked && line.user === markedBy && line.message === mark) {
      isMarked = true
      lines = []
      length = 0
    }
    if (line.user !== role || length > mostCharacters) continue
    const text = textOf(line)
    length += text.length + 1
    lines.push(text)
  }
  return { lines, isMarked }
}

function fit(lines: readonly string[]): readonly string[] {
  let length = 0
  const more = lines.findIndex((line) => {
    length += line.length + 1
    return length > mostCharacters
  })
  return more === -1 ? lines : lines.slice(0, more)
}

async function newestFirst(folder: string) {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const { size, mtimeMs } = await stat(path)
      return { path, size, mtimeMs }
    }),
  )
  return files.toSorted((one, other) => other.mtimeMs - one.mtimeMs)
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

const textOf = ({ timestamp, pid, dbname, error_severity, message, detail }: LogLine) =>
  [
    ...[timestamp, `[${pid}]`, dbname, error_severity],
    oneLineOf(withoutPasswords(message ?? '', 'postgres') + (detail ? ` (${detail})` : '')),
  ].join(' ')
