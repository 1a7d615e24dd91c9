/**
 * Users of Redis's access list: made, ended and probed. A grant's own is named after it alone; a shared account is there before
 * and after.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type GrantId, type Instant, type ProbeResult, parseGrantId } from '@halligan/core'
import {
  type Connect,
  isCode,
  isRefusal,
  onSession,
  type Reply,
  type Session,
  timeOf,
} from './redis-session.ts'
import { neverConferred, type RedisSettings } from './redis-settings.ts'

export const userPrefix = 'halligan_g_'
export const userOf = (grant: GrantId): string => userPrefix + grant.slice('g-'.length)

/** Null for a name that no grant has, whatever it begins with. */
export function grantOf(user: string): GrantId | null {
  if (!user.startsWith(userPrefix)) return null
  const parsed = parseGrantId(`g-${user.slice(userPrefix.length)}`)
  return parsed.ok ? parsed.value : null
}

/** 256 random bits in printable ASCII. */
export const newPassword = (): string => randomBytes(32).toString('base64url')

/** Redis keeps the SHA-256 of passwords, and takes it in their place: the password itself stands in no command. */
export const hashOf = (password: string): string =>
  `#${createHash('sha256').update(password).digest('hex')}`

/** The rules of these privileges, in Redis's own words. Throws for a privilege that the settings do not know. */
export function rulesOf(privileges: readonly string[], settings: RedisSettings): string[] {
  const profiles = privileges.map((privilege) => {
    const name = privilege.startsWith('acl:') ? privilege.slice('acl:'.length) : ''
    const profile = Object.hasOwn(settings.profiles, name)
      ? settings.profiles[name]
      : undefined
    if (profile === undefined) throw new Error(`not a Redis privilege: ${privilege}`)
    return profile
  })
  return [
    ...profiles.flatMap(({ commands }) => commands),
    ...(settings.unendable === true ? [] : neverConferred),
    ...profiles.flatMap(({ keys = [] }) => keys.map((key) => `~${key}`)),
    ...profiles.flatMap(({ readKeys = [] }) => readKeys.map((key) => `%R~${key}`)),
    ...profiles.flatMap(({ channels = [] }) => channels.map((channel) => `&${channel}`)),
  ]
}

type User = Readonly<{ flags: readonly string[]; passwords: readonly string[] }>

/** Null when there is no such user. */
export async function readUser({ run }: Session, user: string): Promise<User | null> {
  const reply = await run('ACL', 'GETUSER', user)
  if (reply === null) return null
  const { flags, passwords } = fieldsIn(reply)
  if (!Array.isArray(flags) || !Array.isArray(passwords))
    throw new Error('it describes no user')
  return { flags: flags.map(String), passwords: passwords.map(String) }
}

export function fieldsIn(reply: Reply): Readonly<Record<string, Reply>> {
  if (!Array.isArray(reply)) throw new Error('it describes no user')
  const pairs = reply.flatMap((name, at) =>
    at % 2 === 0 ? [[String(name), reply[at + 1] ?? null]] : [],
  )
  return Object.fromEntries(pairs)
}

export async function usersOf({ run }: Session): Promise<readonly string[]> {
  const users = await run('ACL', 'USERS')
  if (!Array.isArray(users)) throw new Error('it lists no users')
  return users.map(String)
}

/** Users survive a restart only where Redis has a file for them; without one, they are gone with the process. */
export async function saveUsers({ run }: Session): Promise<void> {
  await run('ACL', 'SAVE').catch((error: unknown) => {
    if (!isRefusal(error) || !/not configured to use an ACL file/.test(error.message))
      throw error
  })
}

type Client = Readonly<{ id: string; user: string }>

export async function clientsOf(
  { run }: Session,
  user: string,
): Promise<readonly Client[]> {
  const lines = String(await run('CLIENT', 'LIST')).split('\n')
  return lines
    .map((line) => Object.fromEntries(line.split(' ').map((pair) => splitOnce(pair))))
    .filter((client) => client.user === user)
    .map(({ id = '' }) => ({ id, user }))
}

const splitOnce = (pair: string): readonly [string, string] => {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}

const millisBetweenReads = 25
const millisForClients = 8_000

/** No more logins, no client, and its password forgotten. Succeeds for a user that is not there. */
export async function lockOut(connect: Connect, user: string): Promise<void> {
  await onSession(connect, async (session) => {
    await freed(session, async () => {
      if ((await readUser(session, user)) !== null)
        await session.run('ACL', 'SETUSER', user, 'off', 'resetpass')
      await clientsGone(session, user)
    })
    await saveUsers(session)
  })
}

const triesAtMost = 20

/** A script that a grantee left running keeps everybody waiting: it is ended, if Redis can still end it. */
async function freed(session: Session, work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      if (!isCode(error, 'BUSY') || tries === triesAtMost) throw error
      for (const what of ['SCRIPT', 'FUNCTION'])
        await session.run(what, 'KILL').catch((failure: unknown) => {
          if (!isRefusal(failure)) throw failure
        })
      await pause(millisBetweenReads)
    }
}

/** Two empty reads, some time apart: a client that was just logging in is not seen by the first. */
async function clientsGone(session: Session, user: string): Promise<void> {
  const deadline = performance.now() + millisForClients
  for (let emptyReads = 0; emptyReads < 2; ) {
    const clients = await clientsOf(session, user)
    emptyReads = clients.length === 0 ? emptyReads + 1 : 0
    for (const { id } of clients)
      await session.run('CLIENT', 'KILL', 'ID', id).catch((error: unknown) => {
        if (!isCode(error, 'ERR No such client')) throw error
      })
    if (performance.now() > deadline) throw new Error(`${clients.length} clients do not go`)
    await pause(millisBetweenReads)
  }
}

export async function dropUser(connect: Connect, user: string): Promise<void> {
  await onSession(connect, async (session) => {
    await session.run('ACL', 'DELUSER', user)
    await saveUsers(session)
  })
}

/**
 * Read on a fresh connection: no such user, or one that is off; no client of it; and the password that was handed out opens
 * nothing. `login` is left out where there is no password to try.
 */
export async function probeUser(
  connect: Connect,
  user: string,
  password: string | null,
): Promise<readonly ProbeResult[]> {
  const read = await onSession(connect, async (session) => {
    const found = await readUser(session, user)
    const clients = await clientsOf(session, user)
    const at = (await timeOf(session)) as Instant
    const isOff = found === null || !found.flags.includes('on')
    return [
      { probe: 'acl_user', absent: isOff, at },
      { probe: 'client_list', absent: clients.length === 0, at },
    ]
  })
  const at = read[0]?.at
  if (password === null || at === undefined) return read
  return [...read, { probe: 'login', absent: !(await letsIn(connect, user, password)), at }]
}

/** Throws where there was no answer from which anything follows. */
export async function letsIn(connect: Connect, username: string, password: string) {
  try {
    const session = await connect({ username, password })
    session.close()
    return true
  } catch (error) {
    if (isCode(error, 'WRONGPASS') || isCode(error, 'NOAUTH')) return false
    throw error
  }
}

export async function stands(session: Session, user: string): Promise<boolean> {
  const found = await readUser(session, user)
  return found?.flags.includes('on') === true && found.passwords.length === 1
}
