import { setTimeout as pause } from 'node:timers/promises'
import { RedisClient } from '@redis/client'
import { CredentialRefused } from './port.ts'
import { clientOptions, type Login, type RedisSettings } from './redis-settings.ts'
import { placeOf } from './secret-reference.ts'

/** What Redis answers, in RESP 2. */
export type Reply = string | number | null | Error | readonly Reply[]

export type Command = readonly string[]

/** What a connection says of the server that it reached. */
export type Server = Readonly<{
  /** Another one after each start. */
  runId: string
  /** Users are written to a file and read from it at each start. */
  hasFile: boolean
  replicas: number
}>

/** One connection to the target. */
export type Session = Readonly<{
  server: Server
  /** Throws what Redis refuses. */
  ask(...command: Command): Promise<Reply>
  /** In one go at the target, where nothing of anybody else comes in between. Null when a watched key changed. Throws the first refusal. */
  together(commands: readonly Command[]): Promise<readonly Reply[] | null>
  onLost(listener: () => void): void
  close(): void
}>

/**
 * Each call is a new connection, of the connector's own user. `freeing`: a script that keeps the server from answering anybody is
 * ended first, whoever runs it.
 */
export type Connect = (how?: 'freeing') => Promise<Session>

/** Nobody answered, or not in time. Everything is to be tried again. */
export class TargetUnreachable extends Error {
  override readonly name = 'TargetUnreachable'
}

/** The target answers and cannot be worked with as it is; the message says what to do. */
export class TargetUnfit extends Error {
  override readonly name = 'TargetUnfit'
}

/** Redis answers nobody for 5 s, before it says that it is busy. */
const millisToAnswer = 8_000

type Wire = Omit<Session, 'server'>

export const connectWith =
  (settings: RedisSettings): Connect =>
  async (how) => {
    let wire: Wire | null = null
    try {
      wire = await openWire(settings)
      if (how === 'freeing') await freed(wire)
      const info = fieldsOf(await wire.ask('INFO'))
      const [, file] = listOf(await wire.ask('CONFIG', 'GET', 'aclfile'))
      checkFit(settings, info)
      const server = {
        runId: info.get('run_id') ?? '',
        hasFile: typeof file === 'string' && file !== '',
        replicas: Number(info.get('connected_slaves')),
      }
      return { ...wire, server }
    } catch (error) {
      wire?.close()
      throw connectFailure(settings, error)
    }
  }

const triesToFree = 40
const millisBetweenTries = 25

/** A script that has written cannot be stopped but with the server: then this throws. */
async function freed(wire: Wire): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      return void (await wire.ask('TIME'))
    } catch (error) {
      if (refusalOf(error) !== 'BUSY' || tries === triesToFree) throw error
      for (const what of ['SCRIPT', 'FUNCTION'])
        await wire.ask(what, 'KILL').catch((failure: unknown) => {
          if (!['NOTBUSY', 'BUSY'].includes(refusalOf(failure) ?? '')) throw failure
        })
      await pause(millisBetweenTries)
    }
}

/** `name:value` lines. */
const fieldsOf = (info: Reply): ReadonlyMap<string, string> =>
  new Map(
    textOf(info)
      .split('\r\n')
      .map((line) => {
        const at = line.indexOf(':')
        return [line.slice(0, at), line.slice(at + 1)] as const
      }),
  )

/** A replica or another node of a cluster knows nothing of sessions elsewhere, and users are of each node alone. */
function checkFit({ target }: RedisSettings, info: ReadonlyMap<string, string>): void {
  const [major = 0] = (info.get('redis_version') ?? '').split('.').map(Number)
  if (!(major >= 7)) throw new TargetUnfit(`${target} is no Redis of version 7 or newer`)
  if (info.get('role') !== 'master')
    throw new TargetUnfit(`${target} is a replica, not the primary`)
  if (info.get('cluster_enabled') !== '0')
    throw new TargetUnfit(`${target} is a node of a cluster, which is not supported`)
  if (!/^[0-9a-f]{40}$/.test(info.get('run_id') ?? ''))
    throw new TargetUnfit(`${target} does not say which run of it this is`)
}

/** `createClient` makes a class of 400 commands for each new login; this makes one for all. */
const resp2 = { RESP: 2 } as const
const newClient = RedisClient.factory(resp2)

/** Logs in, as the connector unless somebody else is given. */
export async function openWire(settings: RedisSettings, login?: Login): Promise<Wire> {
  const client = newClient({ ...clientOptions(settings, login), ...resp2 })
  // Without a listener, a connection lost between two commands would end the process.
  client.on('error', () => undefined)
  const close = () => {
    if (client.isOpen) client.destroy()
  }
  const send = (command: Command): Promise<Reply> => client.sendCommand<Reply>([...command])
  const inTime = <T>(work: Promise<T>): Promise<T> => within(work, close)
  try {
    await inTime(client.connect())
  } catch (error) {
    close()
    throw error
  }
  return {
    ask: (...command) => inTime(send(command)),
    together: (commands) => inTime(transaction(send, commands)),
    onLost: (listener) => void client.on('error', listener).on('end', listener),
    close,
  }
}

/** One of the commands may fail and the others are carried out all the same: that is Redis' way. */
async function transaction(
  send: (command: Command) => Promise<Reply>,
  commands: readonly Command[],
): Promise<readonly Reply[] | null> {
  const all = [['MULTI'], ...commands, ['EXEC']].map(send)
  const settled = await Promise.allSettled(all)
  for (const one of settled) if (one.status === 'rejected') throw one.reason
  const last = settled.at(-1)
  const answer = last?.status === 'fulfilled' ? last.value : null
  if (answer === null) return null
  const replies = listOf(answer)
  for (const reply of replies) if (reply instanceof Error) throw reply
  return replies
}

/** A peer that does not answer may be gone, and what it was asked may still happen: the connection is given up. */
async function within<T>(work: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TargetUnreachable(`no answer within ${millisToAnswer} ms`))
      giveUp()
    }, millisToAnswer)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
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

/** The first word of what Redis says when it refuses; null for any other error. */
export const refusalOf = (error: unknown): string | null =>
  error instanceof Error
    ? (/^([A-Z]{3,})\b/.exec(error.message.replace(/^ERR /, 'ERR '))?.[1] ?? null)
    : null

function connectFailure(settings: RedisSettings, cause: unknown): unknown {
  const { target, url } = settings
  const reason = cause instanceof Error ? cause.message : String(cause)
  const refusal = refusalOf(cause)
  if (refusal === 'WRONGPASS' || refusal === 'NOAUTH')
    return new CredentialRefused(
      `${target} refuses the credential of the connector itself (${refusal}); put the new one into ${placeOf(url)}`,
      { cause },
    )
  if (refusal === 'NOPERM')
    return new TargetUnfit(`${target} lets the connector do too little: ${reason}`, {
      cause,
    })
  if (cause instanceof TargetUnfit || isOurs(cause)) return cause
  return new TargetUnreachable(`cannot reach ${target}: ${reason}`, { cause })
}

/** What is wrong with the settings says itself what to do. */
const isOurs = (error: unknown): boolean =>
  error instanceof Error && error.name === 'BadSettings'

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (!Array.isArray(reply)) throw new Error('Redis answered no list')
  return reply
}

export function textOf(reply: Reply | undefined): string {
  if (typeof reply !== 'string') throw new Error('Redis answered no text')
  return reply
}

/** A flat list of names and values. */
export function recordOf(reply: Reply | undefined): ReadonlyMap<string, Reply> {
  const flat = listOf(reply)
  const found = new Map<string, Reply>()
  for (let i = 0; i + 1 < flat.length; i += 2)
    found.set(textOf(flat[i]), flat[i + 1] ?? null)
  return found
}
