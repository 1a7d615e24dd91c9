import type { GrantId, Instant } from '@halligan/core'
import type { Access } from './access.ts'
import { type AccountNotes, ownNote } from './account-note.ts'
import { newPassword } from './new-password.ts'
import type { Opening } from './port.ts'
import { endAccess } from './redis-ending.ts'
import { type HeldLock, type TargetLock, targetNow } from './redis-lock.ts'
import { probeUser } from './redis-probe.ts'
import { profilesNamed, rulesOf } from './redis-profile.ts'
import { type Connect, onSession } from './redis-session.ts'
import type { RedisSettings } from './redis-settings.ts'
import {
  checkEndable,
  hashOf,
  reading,
  readUser,
  saving,
  type User,
  userIn,
  userOf,
} from './redis-user.ts'
import { TooLate } from './too-late.ts'

export type AccessPorts = Readonly<{
  connect: Connect
  settings: RedisSettings
  lock: TargetLock
  notes: AccountNotes
}>

/** Each grant has a user of its own, which is deleted with it. */
export function ownUsers(ports: AccessPorts): Access {
  const { connect, settings, lock, notes } = ports
  return {
    user: userOf,
    open: (opening) =>
      lock.whileHeld(async (held) => {
        try {
          return await open(ports, held, opening)
        } catch (error) {
          // Whatever failed, nothing is left open.
          const ending = endAccess(connect, userOf(opening.grant), 'delete')
          await (error instanceof TooLate ? ending : ending.catch(() => undefined))
          throw error
        }
      }),
    reseal: (grant) => lock.whileHeld((held) => reseal(ports, held, grant)),
    isOpen: async (grant) => {
      const found = await onSession(connect, (session) => readUser(session, userOf(grant)))
      return mayLogIn(found)
    },
    end: (grant) => endAccess(connect, userOf(grant), 'delete'),
    probe: (grant) => {
      const password = notes.of(grant)?.password ?? null
      return probeUser(connect, settings, userOf(grant), password)
    },
    cleanUp: async (grant) => {
      const user = userOf(grant)
      const found = await onSession(connect, (session) => readUser(session, user))
      if (found !== null) throw new Error(`${user} still stands: end it first`)
    },
  }
}

const mayLogIn = (user: User | null): boolean =>
  user?.isOn === true && user.hashes.length > 0

/** Made switched off; the target is asked what it could do; switched on last, if the time has not come. */
async function open(
  { settings, notes }: AccessPorts,
  held: HeldLock,
  { grant, privileges, applyBefore }: Opening,
): Promise<string> {
  const user = userOf(grant)
  const password = newPassword()
  const mayStay = settings.unendable === true
  const profiles = profilesNamed(privileges, settings.profiles ?? {})
  if (profiles === null) throw new Error(`${privileges.join(', ')}: unknown_privilege`)
  const rules = rulesOf(profiles, mayStay)
  const gate = await held.gate(user, applyBefore)
  const note = ownNote(password)
  notes.put(grant, note)
  const making = ['ACL', 'SETUSER', user, 'reset', `#${hashOf(password)}`, ...rules]
  const replies = await gate.open([making, reading(user)])
  const made = userIn(replies.at(-1))
  if (made === null) throw new Error(`${user} was not made`)
  if (!mayStay) await checkEndable(held, user, made)
  notes.put(grant, { ...note, rights: made.rights })
  await gate.open([['ACL', 'SETUSER', user, 'on'], ...saving(held.session)])
  return password
}

const millisToReseal = 30_000

/** A new password for a user that still may log in. Throws when it may not: an ending has begun. */
async function reseal(
  { notes }: AccessPorts,
  held: HeldLock,
  grant: GrantId,
): Promise<string> {
  const { session } = held
  const user = userOf(grant)
  const password = newPassword()
  const gate = await held.gate(
    user,
    ((await targetNow(session)) + millisToReseal) as Instant,
  )
  const found = await readUser(session, user)
  if (!mayLogIn(found)) throw new Error(`${user} may not log in any more`)
  const rights = notes.of(grant)?.rights ?? null
  const changing = ['ACL', 'SETUSER', user, 'resetpass', `#${hashOf(password)}`]
  await gate.open([changing, ...saving(session)])
  notes.put(grant, { ...ownNote(password), rights })
  return password
}
