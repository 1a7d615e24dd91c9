import type { Vault } from '../store/port.ts'
import type { AccountNotes } from './account-note.ts'
import type { SharedAccounts } from './check-out.ts'
import type { Difference, Excess, Held } from './port.ts'
import { keyPrefix } from './redis-lock.ts'
import {
  type Connect,
  listOf,
  onSession,
  recordOf,
  type Session,
  textOf,
} from './redis-session.ts'
import { ownUser, type RedisSettings } from './redis-settings.ts'
import {
  grantOf,
  hashOf,
  listClients,
  listUsers,
  readUser,
  type User,
  userIn,
  userOf,
  userPrefix,
} from './redis-user.ts'
import { unexplained } from './shared-account.ts'

/**
 * Users that look like ours and are no grant's, users of grants with other rights than they were given, and shared accounts that
 * somebody uses or changed without one (EN-26). Redis does not say who made or changed a user.
 */
export async function strangersOf(
  connect: Connect,
  known: Known,
): Promise<readonly Difference[]> {
  const { shared, accounts } = known
  const found = await onSession(connect, async (session) => {
    const foreign = (await listUsers(session)).filter(
      ({ name }) => name.startsWith(userPrefix) && grantOf(name) === null,
    )
    return [
      ...foreign.map(({ name }) => ({ what: 'foreign_user', object: name })),
      ...(await changedUsers(session, known)),
    ]
  })
  for (const account of accounts)
    found.push(...(await shared.quietly(account, () => ofShared(connect, known, account))))
  return found
}

type Known = Readonly<{
  accounts: readonly string[]
  target: string
  vault: Vault
  notes: AccountNotes
  held(): readonly Held[]
  shared: SharedAccounts
}>

/** More than one password, or rights that it was not given. One that is being made has neither yet. */
async function changedUsers(
  session: Session,
  { notes, held }: Pick<Known, 'notes' | 'held'>,
): Promise<Difference[]> {
  const given = held().flatMap(({ grant, phase }) => {
    const rights = notes.of(grant)?.rights ?? null
    return rights === null || phase !== 'standing' ? [] : [{ user: userOf(grant), rights }]
  })
  const changed: Difference[] = []
  const read = await Promise.all(given.map(({ user }) => readUser(session, user)))
  for (const [i, { user, rights }] of given.entries()) {
    const found = read[i]
    if (found?.isOn !== true) continue
    if (found.rights !== rights || found.hashes.length > 1 || found.hasNoPassword)
      changed.push({ what: 'changed_user', object: user })
  }
  return changed
}

async function ofShared(
  connect: Connect,
  { target, vault, held }: Known,
  account: string,
): Promise<readonly Difference[]> {
  const { user, from } = await onSession(connect, async (session) => ({
    user: await readUser(session, account),
    from: (await listClients(session))
      .filter((client) => client.user === account)
      .map((client) => client.from),
  }))
  const secrets = await vault.secrets(target, account)
  const known = [secrets.current, secrets.proposed]
    .filter((secret) => secret !== null)
    .map(hashOf)
  const opensToOthers = ({ hasNoPassword, hashes }: User) =>
    hasNoPassword || hashes.length !== 1 || hashes.some((hash) => !known.includes(hash))
  return unexplained(account, held(), secrets, {
    isChanged: user !== null && opensToOthers(user),
    isShut: user?.isOn !== true,
    from,
  })
}

/** All that the connector's user needs; docs/connectors/redis.md gives it as one command. */
export const needed: readonly string[] = [
  ...['acl|setuser', 'acl|getuser', 'acl|deluser', 'acl|list', 'acl|save'],
  ...['acl|dryrun', 'acl|log', 'client|id', 'client|list', 'client|kill', 'info', 'time'],
  ...['config|get', 'function|list', 'module|list', 'get', 'mget', 'set', 'del'],
  ...['pexpire', '@transaction', 'script|kill', 'function|kill'],
]

/** Beyond {@link needed} and the connector's own keys; and what keeps Redis from holding what it is told. */
export async function excessOf(
  connect: Connect,
  settings: RedisSettings,
): Promise<readonly Excess[]> {
  return onSession(connect, async (session) => {
    const own = recordOf(await session.ask('ACL', 'GETUSER', ownUser(settings)))
    const fallback = userIn(await session.ask('ACL', 'GETUSER', 'default'))
    return [
      ...excessive(own).map((words) => ({ grave: true, words })),
      ...(session.server.hasFile
        ? []
        : ['has no aclfile: a restart of the target ends every grant']),
      ...(fallback?.isOn === true && fallback.hasNoPassword
        ? ['lets anybody in without a password, as the user default']
        : []),
      ...(session.server.replicas > 0
        ? ['has replicas: users and clients there are not seen']
        : []),
    ].map((one) => (typeof one === 'string' ? { grave: false, words: one } : one))
  })
}

/** Shared accounts and commands of profiles that the settings name and Redis has not. */
export async function lacksOf(
  connect: Connect,
  settings: RedisSettings,
): Promise<readonly string[]> {
  const { accounts = [], profiles = {} } = settings
  return onSession(connect, async (session) => {
    const names = (await listUsers(session)).map(({ name }) => name)
    const found = accounts
      .filter((account) => !names.includes(account))
      .map((account) => `has no user ${account}`)
    const rules = Object.values(profiles).flatMap(({ commands }) => commands)
    for (const rule of new Set(rules.filter((one) => one.charAt(1) !== '@')))
      if (!(await isCommand(session, ownUser(settings), rule.slice(1))))
        found.push(`has no command ${rule.slice(1)}`)
    return found
  })
}

/** Asked by a dry run, as anybody: Redis then says which commands it does not have. */
async function isCommand(session: Session, user: string, name: string): Promise<boolean> {
  try {
    await session.ask('ACL', 'DRYRUN', user, ...name.split('|'))
    return true
  } catch (error) {
    return !/ not found$/.test(String(error))
  }
}

function excessive(own: ReturnType<typeof recordOf>): readonly string[] {
  const words = (name: string) => textOf(own.get(name)).split(' ')
  const commands = words('commands').filter(
    (rule) => rule.startsWith('+') && !needed.includes(rule.slice(1)),
  )
  const keys = words('keys').filter((rule) => rule !== '' && rule !== `~${keyPrefix}*`)
  const flags = listOf(own.get('flags')).map(textOf)
  return [
    ...(flags.includes('nopass') ? ['needs no password'] : []),
    ...commands.map((rule) => `may run what it does not need: ${rule.slice(1)}`),
    ...keys.map((rule) => `may use keys that are not its own: ${rule}`),
    ...(textOf(own.get('channels')) === '' ? [] : ['may use channels']),
    ...(listOf(own.get('selectors')).length === 0 ? [] : ['has selectors']),
  ]
}
