import type { Access } from './access.ts'
import { type AccountNotes, ownNote } from './account-note.ts'
import { newPassword } from './new-password.ts'
import { dropRole } from './postgres-cleanup.ts'
import { endAccess } from './postgres-ending.ts'
import type { TargetLock } from './postgres-lock.ts'
import { endTogether } from './postgres-mass-ending.ts'
import { probeTogether } from './postgres-probe.ts'
import { applyRole, hasRole, resealRole, roleOf, roleStands } from './postgres-role.ts'
import { type Connect, onSession } from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import { TooLate } from './too-late.ts'

/** What one PostgreSQL connector has in hand. */
export type Lent = Readonly<{
  connect: Connect
  settings: PostgresSettings
  lock: TargetLock
  notes: AccountNotes
}>

/** Logins made for one grant each, and dropped with it. */
export function ownLogins({ connect, settings, lock, notes }: Lent): Access {
  const end = endTogether(connect)
  const probe = probeTogether(connect, settings)
  return {
    user: roleOf,
    open: (opening) => {
      const role = roleOf(opening.grant)
      const password = newPassword()
      notes.put(opening.grant, ownNote(password))
      return lock.whileHeld(async (session) => {
        try {
          await applyRole(session, settings, opening, password)
          return password
        } catch (error) {
          // Too late also ends what an earlier attempt may have made: ending early is always safe.
          if (error instanceof TooLate && (await hasRole(session.db, role)))
            await endAccess(connect, role)
          throw error
        }
      })
    },
    reseal: async (grant) => {
      const password = newPassword()
      await lock.whileHeld(({ db }) => resealRole(db, roleOf(grant), password))
      notes.put(grant, ownNote(password))
      return password
    },
    isOpen: (grant) => onSession(connect, ({ db }) => roleStands(db, roleOf(grant))),
    end: (grant) => end(roleOf(grant)),
    probe: (grant) => probe(roleOf(grant), notes.of(grant)?.password ?? null),
    cleanUp: (grant) => dropRole(connect, roleOf(grant), settings.orphanOwner),
  }
}
