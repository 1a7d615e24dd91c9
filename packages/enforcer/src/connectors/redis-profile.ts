/**
 * What `acl:NAME` stands for: commands and keys, as ACL rules of Redis. A profile is read strictly, element by element, because
 * some commands let whoever ran them stay after any ending.
 *
 * @module
 */
import { BadSettings, isRecord, perhaps, strictFields } from '../strict-fields.ts'

export type Profile = Readonly<{
  /** `+get`, `+client|list`, `-keys`, `+@read`, `-@geo`. */
  commands: readonly string[]
  /** Patterns of keys that may be read and written. */
  keys?: readonly string[]
  /** Patterns of keys that may only be read. */
  readKeys?: readonly string[]
  /** Patterns of channels. */
  channels?: readonly string[]
}>

export type Profiles = Readonly<Record<string, Profile>>

/** Categories that hold commands on data; what else they hold is taken away again by {@link takenAway}. */
const categories = [
  ...['read', 'write', 'keyspace', 'string', 'hash', 'list', 'set', 'sortedset'],
  ...[
    'bitmap',
    'hyperloglog',
    'geo',
    'stream',
    'blocking',
    'transaction',
    'connection',
    'fast',
    'slow',
  ],
]

/**
 * Through these somebody could stay: in another user, in code that runs by itself or never returns, as a replica, in a
 * subscription (which a client keeps when it logs in as somebody else, and which Redis tells nobody), or by stalling the
 * server or the enforcer's connections.
 */
const unendable = [
  ...['acl', 'config', 'module', 'debug', 'script', 'function', 'eval', 'evalsha'],
  ...['eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro', 'monitor', 'shutdown', 'failover'],
  ...['replicaof', 'slaveof', 'psync', 'sync', 'replconf', 'migrate', 'restore-asking'],
  ...['cluster', 'sentinel', 'pfdebug', 'pfselftest', 'client', 'client|kill'],
  ...['client|pause', 'client|unpause', 'client|no-evict', 'client|tracking'],
  ...['client|caching', 'client|reply', 'subscribe', 'psubscribe', 'ssubscribe'],
]

const takenAway = [
  ...['-@admin', '-@dangerous', '-@scripting', '-pfdebug', '-pfselftest'],
  ...['-client', '-subscribe', '-psubscribe', '-ssubscribe'],
]

/** Calls by which a target is asked, without carrying any out, whether a user could stay. */
export const unendableCalls: readonly (readonly string[])[] = [
  ['acl', 'setuser', 'x'],
  ['config', 'set', 'dir', '/'],
  ['module', 'load', 'x'],
  ['debug', 'sleep', '0'],
  ['script', 'load', 'x'],
  ['function', 'load', 'x'],
  ['eval', 'x', '0'],
  ['evalsha', 'x', '0'],
  ['eval_ro', 'x', '0'],
  ['fcall', 'x', '0'],
  ['fcall_ro', 'x', '0'],
  ['monitor'],
  ['shutdown'],
  ['failover'],
  ['replicaof', 'no', 'one'],
  ['psync', '?', '-1'],
  ['sync'],
  ['migrate', 'x', '1', 'x', '0', '1'],
  ['cluster', 'reset'],
  ['client', 'kill', 'id', '1'],
  ['client', 'pause', '1'],
  ['client', 'tracking', 'off'],
]

export const subscribingCalls: readonly (readonly string[])[] = [
  ['subscribe', 'x'],
  ['psubscribe', 'x'],
  ['ssubscribe', 'x'],
]

/** Throws {@link BadSettings} and names what is wrong in which profile. */
export function checkProfiles(value: unknown, mayBeUnendable: boolean): void {
  const where = 'redis connector.profiles'
  if (!isRecord(value)) throw new BadSettings(`${where}: an object is expected`)
  for (const [name, profile] of Object.entries(value)) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name))
      throw new BadSettings(`${where}: ${JSON.stringify(name)} is no name of a privilege`)
    checkProfile(`${where}.${name}`, profile, mayBeUnendable)
  }
}

function checkProfile(where: string, value: unknown, mayBeUnendable: boolean): void {
  const read = strictFields(where, value, {
    commands: (list) => isList(list, isCommand) && Array.isArray(list) && list.length > 0,
    keys: perhaps((list) => isList(list, isPattern)),
    readKeys: perhaps((list) => isList(list, isPattern)),
    channels: perhaps((list) => isList(list, isPattern)),
  })
  const stays = (read.commands as readonly string[]).filter(couldStay)
  if (stays.length > 0 && !mayBeUnendable)
    throw new BadSettings(
      `${where}: whoever may run ${stays.join(', ')} cannot be ended; take it out, or set unendable`,
    )
}

const isList = (value: unknown, fits: (element: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(fits)

const isCommand = (value: unknown): boolean =>
  typeof value === 'string' &&
  /^[+-](@[a-z]+|[a-z][a-z0-9._-]*(\|[a-z0-9-]+)?)$/.test(value)

/** Redis separates rules by white space in its own file of users, and knows no way to quote it. */
const isPattern = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.length > 0 &&
  value.length <= 512 &&
  !/[\s()\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(value)

/** Commands of modules cannot be judged. */
function couldStay(rule: string): boolean {
  if (rule.startsWith('-')) return false
  const name = rule.slice(1)
  if (name.startsWith('@')) return !categories.includes(name.slice(1))
  const [command = ''] = name.split('|')
  return unendable.includes(name) || unendable.includes(command)
    ? command !== 'client' || unendable.includes(name)
    : name.includes('.')
}

/** What `acl:NAME` names here; null when one of the privileges is another kind, or is not in the settings. */
export function profilesNamed(
  privileges: readonly string[],
  profiles: Profiles,
): readonly Profile[] | null {
  const named = privileges.map((privilege) => {
    const [, name = ''] = /^acl:(.+)$/s.exec(privilege) ?? []
    return Object.hasOwn(profiles, name) ? profiles[name] : undefined
  })
  const found = named.filter((profile) => profile !== undefined)
  return found.length > 0 && found.length === privileges.length ? found : null
}

/**
 * The rules of a user who may do what each of the profiles says, and never what one says with the keys of another: that is
 * what selectors are for.
 */
export function rulesOf(
  profiles: readonly Profile[],
  mayBeUnendable: boolean,
): readonly string[] {
  const [first, ...others] = profiles.map((profile) => rulesOfOne(profile, mayBeUnendable))
  return [...(first ?? []), ...others.map((rules) => `(${rules.join(' ')})`)]
}

/** Categories first, then what they have too much, then single commands. */
function rulesOfOne(profile: Profile, mayBeUnendable: boolean): readonly string[] {
  const { commands, keys = [], readKeys = [], channels = [] } = profile
  const isCategory = (rule: string) => rule.charAt(1) === '@'
  return [
    '-@all',
    ...commands.filter(isCategory),
    ...(mayBeUnendable ? [] : takenAway),
    ...commands.filter((rule) => !isCategory(rule)),
    'resetkeys',
    ...keys.map((pattern) => `~${pattern}`),
    ...readKeys.map((pattern) => `%R~${pattern}`),
    'resetchannels',
    ...channels.map((pattern) => `&${pattern}`),
  ]
}
