import { createHash } from 'node:crypto'
import { type GrantId, parseGrantId } from '@halligan/core'
import { type HeldLock, keyPrefix } from './redis-lock.ts'
import { subscribingCalls, unendableCalls } from './redis-profile.ts'
import {
  type Command,
  listOf,
  type Reply,
  recordOf,
  type Session,
  textOf,
} from './redis-session.ts'

export const userPrefix = 'halligan_g_'

/** Made from the grant alone: applying again after a crash can never make a second identity (K-07). */
export const userOf = (grant: GrantId): string => userPrefix + grant.slice('g-'.length)

/** Null for a name that no grant has, whatever it begins with. */
export function grantOf(user: string): GrantId | null {
  if (!user.startsWith(userPrefix)) return null
  const parsed = parseGrantId(`g-${user.slice(userPrefix.length)}`)
  return parsed.ok ? parsed.value : null
}

/** What Redis keeps of a password, so that the password itself stands in no command and no log. */
export const hashOf = (password: string): string =>
  createHash('sha256').update(password).digest('hex')

export type User = Readonly<{
  /** May log in, by some password or by any. */
  isOn: boolean
  hasNoPassword: boolean
  hashes: readonly string[]
  /** All it may do, as Redis words it: equal rights give equal text. */
  rights: string
  maySubscribe: boolean
}>

export const reading = (user: string): Command => ['ACL', 'GETUSER', user]

/** Of what `ACL GETUSER` answers; null where there is no such user. */
export function userIn(reply: Reply | undefined): User | null {
  if (reply === null) return null
  const fields = recordOf(reply)
  const flags = listOf(fields.get('flags')).map(textOf)
  const channels = textOf(fields.get('channels'))
  const selectors = listOf(fields.get('selectors') ?? [])
  const rights = ['commands', 'keys', 'channels', 'selectors'].map((name) =>
    fields.get(name),
  )
  return {
    isOn: flags.includes('on'),
    hasNoPassword: flags.includes('nopass'),
    hashes: listOf(fields.get('passwords')).map(textOf),
    rights: JSON.stringify(rights),
    maySubscribe:
      channels !== '' ||
      selectors.some((selector) => textOf(recordOf(selector).get('channels')) !== ''),
  }
}

export const readUser = async (session: Session, user: string): Promise<User | null> =>
  userIn(await session.ask(...reading(user)))

/** All users: each line of `ACL LIST` is `user NAME on|off RULES`. Names hold no spaces. */
export const listUsers = async (session: Session): Promise<readonly Listed[]> =>
  listOf(await session.ask('ACL', 'LIST')).map((line) => {
    const [, name = '', rules = ''] = /^user (\S+) (.*)$/s.exec(textOf(line)) ?? []
    return { name, rules, isOn: rules.startsWith('on ') }
  })

export type Listed = Readonly<{ name: string; rules: string; isOn: boolean }>

/** Users outlive a restart only in their file. Without one, nothing of ours does. */
export const saving = ({ server }: Session): readonly Command[] =>
  server.hasFile ? [['ACL', 'SAVE']] : []

/** One connection of `CLIENT LIST`: `name=value`, separated by spaces. */
export type Client = Readonly<{ user: string; from: string }>

export async function listClients(session: Session): Promise<readonly Client[]> {
  return clientsIn(await session.ask('CLIENT', 'LIST'))
}

/** Names of users and of clients hold no spaces. */
export const clientsIn = (reply: Reply | undefined): readonly Client[] =>
  textOf(reply)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      user: / user=(\S*)/.exec(line)?.[1] ?? '',
      from: (/ addr=(\S*)/.exec(line)?.[1] ?? '').replace(/:\d+$/, ''),
    }))

/**
 * Through some commands a grantee could stay after every ending. Settings are checked for those they can name; this is the
 * second lock: the target itself is asked what the user, who cannot log in yet, could do. Throws and names the commands.
 */
export async function checkEndable(
  { session }: HeldLock,
  user: string,
  { maySubscribe }: User,
): Promise<void> {
  const calls = [...unendableCalls, ...(maySubscribe ? subscribingCalls : [])]
  const answers = await Promise.all(calls.map((call) => mayRun(session, user, call)))
  const can = calls.filter((_, i) => answers[i]).map((call) => call.slice(0, 2).join(' '))
  if (can.length > 0) throw new Error(`${user} cannot be ended again: ${can.join(', ')}`)
}

/** A command that this server does not know is run by nobody. One that is refused for its key is allowed as such. */
async function mayRun(session: Session, user: string, call: Command): Promise<boolean> {
  try {
    const answer = textOf(await session.ask('ACL', 'DRYRUN', user, ...call))
    return !/no permissions to run/.test(answer)
  } catch (error) {
    if (/^ERR Command .* not found/.test(String((error as Error).message))) return false
    throw error
  }
}

/** When a shared account was checked out, for who reads what was done since. */
export const checkedOutKey = (grant: GrantId): string => `${keyPrefix}out:${grant}`

/** Stands from when a shared account is opened until the file of users says that it is shut. */
export const openKey = (account: string): string => `${keyPrefix}open:${account}`
