import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import { clientConfig, type MariadbSettings } from './mariadb-settings.ts'
import { CredentialRefused } from './port.ts'
import { placeOf } from './secret-reference.ts'

/** One connection to the target as the connector's account. */
export type Session = Readonly<{
  db: Connection
  /** Calls a procedure of the schema `halligan`; answers its last rows. */
  call<T extends object>(name: string, ...values: readonly Value[]): Promise<readonly T[]>
  /** Answers the rows. */
  query<T extends object>(sql: string, ...values: readonly Value[]): Promise<readonly T[]>
  close(): Promise<void>
}>

export type Value = string | number | boolean | null

/** Each call is a new connection. */
export type Connect = () => Promise<Session>

/** Nobody answered, or not in time. Everything is to be tried again. */
export class TargetUnreachable extends Error {
  override readonly name = 'TargetUnreachable'
}

/** The target answers and cannot be worked with as it is; the message says what to do. */
export class TargetUnfit extends Error {
  override readonly name = 'TargetUnfit'
}

const millisToAnswer = 8_000
const millisToLeave = 500

/**
 * Locks are waited for briefly, because a grantee may hold them (EN-14). An idle session is closed by the target: the lock of
 * an enforcer that is frozen or cut off is free again after this long.
 */
export const secondsUntilLost = 60
const sessionSettings = `set session time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES',
  lock_wait_timeout = 3, innodb_lock_wait_timeout = 3, wait_timeout = ${secondsUntilLost}`

type Server = Readonly<{ read_only: number; clustered: number }>

export const connectWith =
  (settings: MariadbSettings): Connect =>
  async () => {
    let session: Session | null = null
    try {
      session = sessionOn(await createConnection(clientConfig(settings)))
      await session.query(sessionSettings)
      const [server] = await session.call<Server>('read_server')
      checkFit(settings, server)
      return session
    } catch (error) {
      await session?.close()
      throw connectFailure(settings, error)
    }
  }

/** A replica or another node of a cluster knows nothing of sessions elsewhere: what it does not show proves nothing. */
function checkFit({ target }: MariadbSettings, server: Server | undefined): void {
  if (server === undefined) throw new TargetUnfit(`${target} does not say what it is`)
  if (server.read_only !== 0)
    throw new TargetUnfit(`${target} is read-only: a replica, not the primary`)
  if (server.clustered !== 0)
    throw new TargetUnfit(`${target} is a node of a Galera cluster, which is not supported`)
}

export function sessionOn(db: Connection): Session {
  // Without a listener, a connection lost between two queries would end the process.
  db.on('error', () => undefined)
  const ask = async (sql: string, values: readonly Value[]): Promise<unknown> => {
    try {
      const [rows] = await db.query({ sql, values: [...values], timeout: millisToAnswer })
      return rows
    } catch (error) {
      // The driver would let whatever is asked next wait for the answer that never comes.
      if (systemCode(error) === 'PROTOCOL_SEQUENCE_TIMEOUT') db.destroy()
      throw error
    }
  }
  return {
    db,
    async query<T extends object>(sql: string, ...values: readonly Value[]) {
      const rows = await ask(sql, values)
      return Array.isArray(rows) ? (rows as (T & RowDataPacket)[]) : []
    },
    async call<T extends object>(name: string, ...values: readonly Value[]) {
      const marks = values.map(() => '?').join(', ')
      // A procedure answers each of its results and then how it went.
      const results = await ask(`call halligan.${name}(${marks})`, values)
      const rows: unknown = Array.isArray(results) ? results.at(-2) : undefined
      return Array.isArray(rows) ? (rows as (T & RowDataPacket)[]) : []
    },
    close: () => leave(db),
  }
}

/** A target that does not let go is left alone. */
async function leave(db: Connection): Promise<void> {
  const late = new Promise<void>((done) => {
    setTimeout(done, millisToLeave).unref()
  })
  await Promise.race([db.end().catch(() => undefined), late])
  db.destroy()
}

/** `work` on a session of its own, closed afterwards whatever happens. */
export async function onSession<T>(
  connect: Connect,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await connect()
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** Held by the session until it ends or lets go. False: somebody else has it. */
export async function tryLock(session: Session, name: string): Promise<boolean> {
  const [row] = await session.query<{ taken: number | null }>(
    'select get_lock(?, 0) as taken',
    name,
  )
  return row?.taken === 1
}

export const accessDenied = 1045
const hostNotAllowed = 1130
const noSuchProcedure = [1305, 1370, 1044, 1049, 1142, 1449]

/** That root has not run the connector's own `sql/mariadb.sql` there, but perhaps an older one. */
export function isNoSuchProcedure(error: unknown): boolean {
  const code = errorNumber(error)
  return code !== null && noSuchProcedure.includes(code)
}

function connectFailure(settings: MariadbSettings, cause: unknown): unknown {
  const { target, url } = settings
  const code = errorNumber(cause)
  if (code === null && !isOfNetwork(cause)) return cause
  if (code === accessDenied || code === hostNotAllowed || code === accountLocked)
    return new CredentialRefused(
      `${target} refuses the credential of the connector itself (${code}); put the new one into ${placeOf(url)}`,
      { cause },
    )
  if (isNoSuchProcedure(cause))
    return new TargetUnfit(
      `${target} lacks what the connector calls (${code}): run sql/mariadb.sql there as root`,
      { cause },
    )
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TargetUnreachable(`cannot reach ${target}: ${reason || systemCode(cause)}`, {
    cause,
  })
}

export const accountLocked = 4151

/** The number of an error that MariaDB sent; null for any other. */
export const errorNumber = (error: unknown): number | null =>
  error instanceof Error &&
  'errno' in error &&
  typeof error.errno === 'number' &&
  'sqlState' in error &&
  error.sqlState !== undefined
    ? error.errno
    : null

const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** Our own errors, and what is wrong with the settings, say themselves what to do. */
const isOfNetwork = (error: unknown): boolean => systemCode(error) !== ''
