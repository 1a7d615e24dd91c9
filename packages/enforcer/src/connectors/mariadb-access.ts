import type { Access } from './access.ts'
import { type AccountNotes, ownNote } from './account-note.ts'
import {
  accountOf,
  applyAccount,
  mayLogIn,
  readAccount,
  resealAccount,
  rolesNamed,
  whileApplying,
} from './mariadb-account.ts'
import { endAccess } from './mariadb-ending.ts'
import type { TargetLock } from './mariadb-lock.ts'
import { endTogether } from './mariadb-mass-ending.ts'
import { probeTogether } from './mariadb-probe.ts'
import { type Connect, onSession } from './mariadb-session.ts'
import type { MariadbSettings } from './mariadb-settings.ts'
import { newPassword } from './new-password.ts'
import type { Opening } from './port.ts'
import { TooLate } from './too-late.ts'

export type AccessPorts = Readonly<{
  connect: Connect
  settings: MariadbSettings
  lock: TargetLock
  notes: AccountNotes
}>

/** Each grant has an account of its own, which is dropped with it. */
export function ownAccounts(ports: AccessPorts): Access {
  const { connect, settings, lock, notes } = ports
  const end = endTogether(connect)
  const probe = probeTogether(connect, settings)
  return {
    user: accountOf,
    open: (opening) => open(ports, opening),
    reseal: async (grant) => {
      const password = newPassword()
      await lock.whileHeld((session) => resealAccount(session, accountOf(grant), password))
      notes.put(grant, ownNote(password))
      return password
    },
    isOpen: async (grant) => {
      const found = await onSession(connect, (session) =>
        readAccount(session, accountOf(grant)),
      )
      return mayLogIn(found) && found.roles > 0
    },
    end: (grant) => end(accountOf(grant)),
    probe: (grant) => probe(accountOf(grant), notes.of(grant)?.password ?? null),
    cleanUp: async (grant) => {
      await onSession(connect, async (session) => {
        const account = accountOf(grant)
        const { accounts, unlocked } = await readAccount(session, account)
        if (unlocked > 0) throw new Error(`${account} still may log in: end it first`)
        if (accounts > 0) await session.call('drop_account', account)
      })
    },
  }
}

/** Whatever fails, nothing is left open. */
async function open(
  { connect, settings, lock, notes }: AccessPorts,
  opening: Opening,
): Promise<string> {
  const { grant, privileges } = opening
  const account = accountOf(grant)
  const roles = rolesNamed(privileges)
  if (roles === null) throw new Error(`${privileges.join(', ')}: unknown_privilege`)
  const password = newPassword()
  return lock.whileHeld(async (session) => {
    try {
      return await whileApplying(session, account, async () => {
        notes.put(grant, ownNote(password))
        await applyAccount(session, settings, opening, roles, password)
        return password
      })
    } catch (error) {
      if (error instanceof TooLate) await endAccess(connect, account, 'drop')
      else await session.call('drop_account', account).catch(() => undefined)
      throw error
    }
  })
}
