import type { Instant, ProbeResult } from '@halligan/core'
import { withLogin } from './login-reading.ts'
import { instantOf } from './redis-lock.ts'
import { type Connect, onSession, openWire, refusalOf } from './redis-session.ts'
import type { Login, RedisSettings } from './redis-settings.ts'
import {
  type Client,
  clientsIn,
  openKey,
  reading,
  type User,
  userIn,
} from './redis-user.ts'

/** What the target shows of a user, all of it at one instant. */
export type Sight = Readonly<{
  at: Instant
  user: User | null
  clients: readonly Client[]
  /** Of a shared account: the file of users may say that it is open, so that a restart opens it. */
  mayReopen: boolean
}>

/** On a connection that is made for it. */
export const look = (connect: Connect, name: string): Promise<Sight> =>
  onSession(connect, async (session) => {
    const replies = await session.together([
      ['TIME'],
      reading(name),
      ['CLIENT', 'LIST'],
      ['GET', openKey(name)],
    ])
    if (replies === null)
      throw new Error('Redis dropped a transaction that watches nothing')
    const [time, user, clients, open] = replies
    return {
      at: instantOf(time),
      user: userIn(user),
      clients: clientsIn(clients).filter((client) => client.user === name),
      mayReopen: open !== null,
    }
  })

export const noClients = ({ clients, at }: Sight): ProbeResult => ({
  probe: 'client_list',
  absent: clients.length === 0,
  at,
})

/**
 * `acl_user`: there is no such user, whatever the state of one might be; `client_list`: no client is logged in as it. Then the
 * password is tried as well.
 */
export async function probeUser(
  connect: Connect,
  settings: RedisSettings,
  name: string,
  password: string | null,
): Promise<readonly ProbeResult[]> {
  const sight = await look(connect, name)
  const { at, user } = sight
  const readings = [{ probe: 'acl_user', absent: user === null, at }, noClients(sight)]
  return withLogin(readings, password, (secret) =>
    loginRefused(settings, { user: name, password: secret }, at),
  )
}

/** Null when there was no answer from which anything follows. */
export async function loginRefused(
  settings: RedisSettings,
  login: Login,
  at: Instant,
): Promise<ProbeResult | null> {
  const opened = await opens(settings, login).catch(() => null)
  return opened === null ? null : { probe: 'login', absent: !opened, at }
}

/** Whether the password opens the account. Throws when the target says neither. */
export async function opens(settings: RedisSettings, login: Login): Promise<boolean> {
  try {
    const wire = await openWire(settings, login)
    wire.close()
    return true
  } catch (error) {
    if (refusalOf(error) === 'WRONGPASS') return false
    throw error
  }
}
