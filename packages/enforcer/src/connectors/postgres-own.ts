import type { Applied } from './port.ts'
import { dropRole } from './postgres-cleanup.ts'
import { endAccess } from './postgres-ending.ts'
import { credentialOf, loginConfig } from './postgres-login.ts'
import { endTogether } from './postgres-mass-ending.ts'
import { probeTogether } from './postgres-probe.ts'
import { applyRole, hasRole, resealRole, roleOf, roleStands } from './postgres-role.ts'
import { onSession } from './postgres-session.ts'
import type { Access, Lent } from './postgres-shared.ts'

/** Logins made for one grant each, and dropped with it. */
export function ownLogins({ settings, ports, connect, lock }: Lent): Access {
  const end = endTogether(connect)
  const probe = probeTogether(connect)
  return {
    apply: (opening, password) =>
      lock.whileHeld(async (session): Promise<Applied> => {
        const role = roleOf(opening.grant)
        const outcome = await applyRole(session, settings, opening, password)
        if (outcome === 'applied')
          return { kind: 'applied', credential: credentialOf(settings, role, password) }
        // Too late also ends what an earlier attempt may have made: ending early is always safe.
        if (await hasRole(session.db, role)) await endAccess(connect, role)
        return { kind: 'too_late', targetNow: outcome.lateAt }
      }),
    async reseal(grant, password) {
      await lock.whileHeld(({ db }) => resealRole(db, roleOf(grant), password))
      return credentialOf(settings, roleOf(grant), password)
    },
    present: (grant) => onSession(connect, ({ db }) => roleStands(db, roleOf(grant))),
    end: (grant) => end(roleOf(grant)),
    probe: (grant) =>
      probe(roleOf(grant), () => {
        const password = ports.shelf.get(grant, settings.target)
        return password === null ? null : loginConfig(settings, roleOf(grant), password)
      }),
    cleanup: (grant) => dropRole(connect, roleOf(grant), settings.orphanOwner),
  }
}
