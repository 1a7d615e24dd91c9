import { createClient } from '@redis/client'
import { clientOptions, type RedisSettings } from './redis-settings.ts'
import { placeOf } from './secret-reference.ts'

export type Reply = string | number | null | Error | readonly Reply[]

/** One connection. Every command settles in time, or the connection is given up. */
export type Session = Readonly<{
  run(...words: readonly string[]): Promise<Reply>
  isOpen(): boolean
  close(): void
}>

export type Connect = (
  as?: Readonly<{ username: string; password: string }>,
) => Promise<Session>

const millisToAnswer = 10_000

export const connectWith =
  (settings: RedisSettings): Connect =>
  async (as) => {
    const client = createClient(clientOptions(settings, as))
    // A connection that is ended under us is an answer to the next command, not a crash.
    client.on('error', () => undefined)
    try {
      await inTime(client.connect(), settings.target)
    } catch (cause) {
      if (client.isOpen) client.destroy()
      throw whyUnconnected(settings, as !== undefined, cause)
    }
    return {
      async run(...words) {
        try {
          return (await inTime(client.sendCommand([...words]), settings.target)) as Reply
        } catch (error) {
          if (!isRefusal(error) && client.isOpen) client.destroy()
          throw error
        }
      },
      isOpen: () => client.isReady,
      close: () => {
        if (client.isOpen) client.destroy()
      },
    }
  }

export async function onSession<T>(
  connect: Connect,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await connect()
  try {
    return await work(session)
  } finally {
    session.close()
  }
}

/** Redis answered, and its answer is no: nothing is wrong with the connection. */
export const isRefusal = (error: unknown): error is Error =>
  error instanceof Error && /^[A-Z]{2,}( |$)/.test(error.message)

export const isCode = (error: unknown, code: string): boolean =>
  isRefusal(error) && error.message.startsWith(code)

function whyUnconnected(settings: RedisSettings, asGrantee: boolean, cause: unknown) {
  if (asGrantee && isRefusal(cause)) return cause
  if (isCode(cause, 'WRONGPASS') || isCode(cause, 'NOAUTH'))
    return new CredentialRefused(
      `${settings.target} refuses the credential of the connector itself; put the new one into ${placeOf(settings.url)}`,
      { cause },
    )
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Error(`cannot reach ${settings.target}: ${reason}`, { cause })
}

export class CredentialRefused extends Error {
  override readonly name = 'CredentialRefused'
}

async function inTime<T>(work: Promise<T>, target: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`${target} does not answer`)),
    millisToAnswer,
  )
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The target's own clock, whole milliseconds. */
export async function timeOf({ run }: Session): Promise<number> {
  return millisIn(await run('TIME'))
}

export function millisIn(reply: Reply): number {
  const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : []
  const millis = Math.floor((seconds ?? Number.NaN) * 1000 + (micros ?? Number.NaN) / 1000)
  if (!Number.isSafeInteger(millis)) throw new Error('it does not tell the time')
  return millis
}
