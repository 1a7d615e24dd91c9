/**
 * What opens at Redis: every command here runs under the target's lock, and every password is in the vault before it is at the
 * target, where the account is a shared one.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Applied, Credential, Opening } from './port.ts'
import type { RedisLock } from './redis-lock.ts'
import { type Connect, millisIn, onSession, type Reply } from './redis-session.ts'
import { clientOptions, type RedisSettings } from './redis-settings.ts'
import {
  hashOf,
  letsIn,
  lockOut,
  newPassword,
  rulesOf,
  saveUsers,
  stands,
  userOf,
} from './redis-user.ts'
import type { ConnectorPorts } from './registry.ts'
import { accountNamed, accountOf } from './shared-account.ts'

export type Lent = Readonly<{
  settings: RedisSettings
  ports: ConnectorPorts
  connect: Connect
  lock: RedisLock
}>

const set = (user: string, ...rules: readonly string[]) => [
  'ACL',
  'SETUSER',
  user,
  ...rules,
]

/**
 * The user is made, or made so again, in one transaction with the target's clock. Redis can make no command depend on the time,
 * so a user that came too late stood for as long as it takes to end it, with a password that nobody had.
 */
export async function applyUser(
  { settings, ports, connect, lock }: Lent,
  { grant, applyBefore, privileges }: Opening,
  endAgain: () => Promise<void>,
): Promise<Applied> {
  const { target } = settings
  const account = accountNamed(privileges)
  const user = account ?? userOf(grant)
  const password = newPassword()
  ports.shelf.put(grant, target, password)
  if (account !== null) await ports.vault.propose(target, account, password)
  const tooLate = async (now: number): Promise<Applied> => {
    await endAgain()
    return { kind: 'too_late', targetNow: now as Instant }
  }
  const before = clockIn(await lock.whileHeld([['TIME']]))
  if (before >= applyBefore) return tooLate(before)
  const rules =
    account === null ? ['reset', ...rulesOf(privileges, settings)] : ['resetpass']
  const on = set(user, ...rules, hashOf(password), 'on')
  const after = clockIn(mustAll(await lock.whileHeld([on, ['TIME']])))
  if (after >= applyBefore) return tooLate(after)
  await onSession(connect, saveUsers)
  if (account !== null) await ports.vault.confirm(target, account)
  return { kind: 'applied', credential: credentialOf(settings, user, password) }
}

/** A new password for a user that stands. */
export async function resealUser(
  { settings, ports, connect, lock }: Lent,
  grant: GrantId,
): Promise<Credential> {
  const { target } = settings
  const account = accountOf(ports.held(target), grant)
  const user = account ?? userOf(grant)
  const password = newPassword()
  if (!(await onSession(connect, (session) => stands(session, user))))
    throw new Error(`${user} does not stand`)
  if (account !== null) await ports.vault.propose(target, account, password)
  mustAll(await lock.whileHeld([set(user, 'resetpass', hashOf(password))]))
  await onSession(connect, saveUsers)
  if (account !== null) await ports.vault.confirm(target, account)
  ports.shelf.put(grant, target, password)
  return credentialOf(settings, user, password)
}

/** Another password that nobody is given; the ones before are proven dead, and this one good, by real logins. */
export async function rotateUser(
  { settings: { target }, ports: { vault }, connect, lock }: Lent,
  account: string,
): Promise<readonly ProbeResult[]> {
  const { current, proposed } = await vault.secrets(target, account)
  const fresh = newPassword()
  await lockOut(connect, account)
  await vault.propose(target, account, fresh)
  mustAll(await lock.whileHeld([set(account, 'resetpass', hashOf(fresh), 'on')]))
  await onSession(connect, saveUsers)
  const at = Date.now() as Instant
  const probes: ProbeResult[] = []
  for (const old of [current, proposed])
    if (old !== null)
      probes.push({
        probe: 'old_secret',
        absent: !(await letsIn(connect, account, old)),
        at,
      })
  const works = await letsIn(connect, account, fresh)
  if (works) await vault.confirm(target, account)
  return [...probes, { probe: 'new_secret_refused', absent: works, at }]
}

/** In a transaction, one command may fail and the others be carried out. */
function mustAll(replies: readonly Reply[]): readonly Reply[] {
  const failed = replies.find((reply) => reply instanceof Error)
  if (failed instanceof Error) throw failed
  return replies
}

/** `TIME` is the last command of each transaction. */
const clockIn = (replies: readonly Reply[]): number => millisIn(replies.at(-1) ?? null)

/** As redis-cli takes it: `redis-cli -h $REDIS_HOST -p $REDIS_PORT --user $REDIS_USER`, with REDISCLI_AUTH in the environment. */
function credentialOf(settings: RedisSettings, user: string, password: string): Credential {
  const { socket } = clientOptions(settings)
  return {
    REDIS_HOST: settings.reach?.host ?? socket.host,
    REDIS_PORT: String(settings.reach?.port ?? socket.port),
    REDIS_TLS: 'tls' in socket ? 'verify-full' : 'off',
    REDIS_USER: user,
    REDISCLI_AUTH: password,
  }
}
