import type { Instant, ProbeResult } from '@halligan/core'
import { createConnection } from 'mysql2/promise'
import { type Account, readAccount } from './mariadb-account.ts'
import {
  accessDenied,
  accountLocked,
  type Connect,
  errorNumber,
  onSession,
} from './mariadb-session.ts'
import { clientConfig, type MariadbSettings } from './mariadb-settings.ts'

/**
 * Read on a fresh connection, and what is read decides: `global_priv` (no such account, or it is locked), `roles_mapping`
 * (none of its, none to it), `processlist` (no session that logged in as it, and none half way there). Then the password is
 * tried as well, as extra evidence only: the grantee may have changed it.
 */
export async function probeAccount(
  connect: Connect,
  settings: MariadbSettings,
  account: string,
  password: string | null,
): Promise<readonly ProbeResult[]> {
  const found = await onSession(connect, (session) => readAccount(session, account))
  const at = found.now_millis as Instant
  const readings = [
    { probe: 'global_priv', absent: found.unlocked === 0, at },
    { probe: 'roles_mapping', absent: found.roles === 0, at },
    noSessions(found),
  ]
  if (password === null || !readings.every(({ absent }) => absent)) return readings
  return [...readings, ...(await loginRefused(settings, { user: account, password }, at))]
}

export const noSessions = ({ sessions, now_millis }: Account): ProbeResult => ({
  probe: 'processlist',
  absent: sessions === 0,
  at: now_millis as Instant,
})

/** Nothing at all when there was no answer from which anything follows. */
export async function loginRefused(
  settings: MariadbSettings,
  login: Readonly<{ user: string; password: string }>,
  at: Instant,
): Promise<readonly ProbeResult[]> {
  const opened = await opens(settings, login).catch(() => null)
  return opened === null ? [] : [{ probe: 'login', absent: !opened, at }]
}

/** Whether the password opens the account. Throws when the target says neither. */
export async function opens(
  settings: MariadbSettings,
  login: Readonly<{ user: string; password: string }>,
): Promise<boolean> {
  try {
    const db = await createConnection(clientConfig(settings, login))
    db.on('error', () => undefined)
    await db.end()
    return true
  } catch (error) {
    const code = errorNumber(error)
    if (code === accessDenied || code === accountLocked) return false
    throw error
  }
}
