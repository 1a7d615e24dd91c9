import type { Instant, ProbeResult } from '@halligan/core'
import { createConnection } from 'mysql2/promise'
import { withLogin } from './login-reading.ts'
import { type Account, readAccount } from './mariadb-account.ts'
import {
  accessDenied,
  accountLocked,
  type Connect,
  errorNumber,
  onSession,
} from './mariadb-session.ts'
import { clientConfig, type MariadbSettings } from './mariadb-settings.ts'
import { inRounds, inTurns } from './rounds.ts'

const roundsAtOnce = 2
const loginsAtOnce = 4
/** Each costs MariaDB a connection: many would delay what they are evidence of. */
const loginsWaitingAtMost = 32

/**
 * Read on a fresh connection, opened after the last of those that share it was asked for, and what is read decides:
 * `global_priv` (no such account, or it is locked), `roles_mapping` (none of its, none to it), `processlist` (no session that
 * logged in as it, and none half way there). Then the password is tried as well, as extra evidence only: the grantee may have
 * changed it.
 */
export function probeTogether(
  connect: Connect,
  settings: MariadbSettings,
): (account: string, password: string | null) => Promise<readonly ProbeResult[]> {
  const inRound = inRounds<string, Account>(roundsAtOnce, (accounts) =>
    onSession(connect, async (session) => {
      const found = new Map<string, Account>()
      for (const account of accounts)
        found.set(account, await readAccount(session, account))
      return found
    }),
  )
  const inTurn = inTurns(loginsAtOnce, loginsWaitingAtMost)
  return async (account, password) => {
    const found = await inRound(account)
    const at = found.now_millis as Instant
    const readings = [
      { probe: 'global_priv', absent: found.unlocked === 0, at },
      { probe: 'roles_mapping', absent: found.roles === 0, at },
      noSessions(found),
    ]
    return withLogin(readings, password, (secret) =>
      inTurn(() => loginRefused(settings, { user: account, password: secret }, at)),
    )
  }
}

export const noSessions = ({ sessions, now_millis }: Account): ProbeResult => ({
  probe: 'processlist',
  absent: sessions === 0,
  at: now_millis as Instant,
})

/** Null when there was no answer from which anything follows. */
export async function loginRefused(
  settings: MariadbSettings,
  login: Readonly<{ user: string; password: string }>,
  at: Instant,
): Promise<ProbeResult | null> {
  const opened = await opens(settings, login).catch(() => null)
  return opened === null ? null : { probe: 'login', absent: !opened, at }
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
