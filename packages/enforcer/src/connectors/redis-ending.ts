/**
 * Ending access at Redis: lock out and kill in one go, save, delete, and read until nobody is there.
 *
 * A client keeps what it may do when its user is switched off, so that it is killed in the same transaction; nothing of its own
 * can come in between. The user is deleted only once the file says that it is off: whatever happens to the file afterwards, a
 * restart brings nobody back who could log in.
 *
 * @module
 */
import { untilNobody } from './ending.ts'
import { fenceOf } from './redis-lock.ts'
import { type Command, type Connect, onSession, type Session } from './redis-session.ts'
import { listClients, openKey, readUser, saving } from './redis-user.ts'

const paceOfSessions = { millisAtMost: 2_500, millisBetween: 20 }

/** Throws when it did not hold; then it is to be called again. `keep`: the account is a shared one, and only shut. */
export async function endAccess(
  connect: Connect,
  user: string,
  what: 'delete' | 'keep',
): Promise<void> {
  await onSession(
    () => connect('freeing'),
    async (session) => {
      // Whoever is opening for the user right now watches this key.
      await session.ask('DEL', fenceOf(user))
      await (what === 'keep' ? shut(session, user) : remove(session, user))
      await sessionsGone(session, user)
    },
  )
}

/** A shared account that is gone has no clients: Redis ended them. */
async function shut(session: Session, account: string): Promise<void> {
  if ((await readUser(session, account)) !== null)
    await session.together([
      ['ACL', 'SETUSER', account, 'off'],
      killing(account),
      ...saving(session),
    ])
  await session.ask('DEL', openKey(account))
}

/** Made where there is none: the file may still have one. */
async function remove(session: Session, user: string): Promise<void> {
  await session.together([
    ['ACL', 'SETUSER', user, 'reset'],
    killing(user),
    ...saving(session),
  ])
  await session.together([['ACL', 'DELUSER', user], ...saving(session)])
}

export const killing = (user: string): Command => ['CLIENT', 'KILL', 'USER', user]

export const sessionsGone = (session: Session, user: string): Promise<void> =>
  untilNobody(async () => {
    const clients = await listClients(session)
    return clients.filter((client) => client.user === user).length
  }, paceOfSessions)
