import pg from 'pg'
import { CredentialRefused } from './port.ts'
import { clientConfig, type PostgresSettings } from './postgres-settings.ts'
import { placeOf } from './secret-reference.ts'

export type Session = Readonly<{ db: pg.Client; serverVersion: number }>

/** Opens a session on a database, the one of the URL by default. Each call is a new connection. */
export type Connect = (database?: string) => Promise<Session>

/** Nobody answered, or not in time. Everything is to be tried again. */
export class TargetUnreachable extends Error {
  override readonly name = 'TargetUnreachable'
}

export const connectWith =
  (settings: PostgresSettings): Connect =>
  async (database) => {
    const config = clientConfig(settings)
    const db = new pg.Client({ ...config, ...(database === undefined ? {} : { database }) })
    // Without a listener, a connection lost between two queries would end the process.
    db.on('error', () => undefined)
    try {
      await db.connect()
      const { rows } = await db.query<{ version: number; standby: boolean }>(
        `select current_setting('server_version_num')::int as version,
           pg_is_in_recovery() as standby`,
      )
      // A standby knows nothing of the sessions at the primary: what it does not show proves nothing.
      if (rows[0]?.standby !== false) throw new Error('it is a standby, not the primary')
      return { db, serverVersion: rows[0].version }
    } catch (error) {
      await db.end().catch(() => undefined)
      throw connectFailure(settings, error)
    }
  }

/** `work` on a session of its own, closed afterwards whatever happens. */
export async function onSession<T>(
  connect: Connect,
  work: (session: Session) => Promise<T>,
  database?: string,
): Promise<T> {
  const session = await connect(database)
  try {
    return await work(session)
  } finally {
    await session.db.end().catch(() => undefined)
  }
}

/** One transaction; rolled back when `work` throws. */
export async function inTransaction<T>(db: pg.Client, work: () => Promise<T>): Promise<T> {
  await db.query('begin')
  try {
    const answer = await work()
    await db.query('commit')
    return answer
  } catch (error) {
    // A session that may still be in the transaction is never used again.
    const undo = isUnanswered(error) ? db.end() : db.query('rollback')
    await undo.catch(() => undefined)
    throw error
  }
}

/** By the driver's words for `query_timeout`. Whoever did not answer one question is not asked another on that session. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

function connectFailure(settings: PostgresSettings, cause: unknown): Error {
  const code = sqlState(cause)
  const reason = cause instanceof Error ? cause.message : String(cause)
  const where = placeOf(settings.url)
  if (code === '28P01' || code === '28000')
    return new CredentialRefused(
      `${settings.target} refuses the credential of the connector itself (${code}); put the new one into ${where}`,
      { cause },
    )
  return new TargetUnreachable(`cannot reach ${settings.target}: ${reason}`, { cause })
}

/** The SQLSTATE of an error PostgreSQL sent, or the code of a system error; null when it has neither. */
export const sqlState = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null

export const quoted = (identifier: string): string => pg.escapeIdentifier(identifier)
export const literal = (text: string): string => pg.escapeLiteral(text)
