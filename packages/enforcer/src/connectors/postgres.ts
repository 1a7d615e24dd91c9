import type { GrantId } from '@halligan/core'
import type { Connector } from './port.ts'
import { checkedOutFor, sealedInUse } from './postgres-account.ts'
import { evidenceIn, isLogged } from './postgres-evidence.ts'
import { targetLock } from './postgres-lock.ts'
import { ownLogins } from './postgres-own.ts'
import { grantOf, newPassword, roleOf, standingRoles, whyUnknown } from './postgres-role.ts'
import { connectWith, onSession } from './postgres-session.ts'
import { type PostgresSettings, postgresSettings } from './postgres-settings.ts'
import { type Access, sharedAccounts } from './postgres-shared.ts'
import { takeSnapshot } from './postgres-snapshot.ts'
import { excessOf, strangersOf } from './postgres-strangers.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { inRounds } from './rounds.ts'
import { accountNamed, whyNotCheckedOut } from './shared-account.ts'
import { differenceOf } from './snapshot-rows.ts'

/** One PostgreSQL cluster as a target: a login per grant, in the roles that the grant names, or a shared account. */
export const makePostgresConnector: MakeConnector = (settings, ports) =>
  postgresConnector(postgresSettings(settings), ports)

/** The shelf keeps each password until absence, only to show that it opens nothing any more. */
export function postgresConnector(
  settings: PostgresSettings,
  ports: ConnectorPorts,
): Connector {
  const { accounts = [] } = settings
  const connect = connectWith(settings)
  const lock = targetLock(connect, settings.target)
  const lent = { settings, ports, connect, lock }
  const own = ownLogins(lent)
  const shared = sharedAccounts(lent)
  const snapshot = inRounds(
    1,
    async ([target = settings.target]: readonly string[]) =>
      new Map([[target, await takeSnapshot(connect, accounts)]]),
  )
  const here = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }
  const accessOf = (grant: GrantId, target: string): Access => {
    here(target)
    return shared.of(grant) === null ? own : shared.access
  }

  return {
    endsAtOnce: 500,
    open: () => lock.take(),
    close: () => lock.release(),
    snapshot: async (target) => {
      here(target)
      return snapshot(target)
    },
    difference: (before, after) => differenceOf(before, after),
    accounts: () => accounts,
    sharedAccount: accountNamed,
    refuses: (opening) =>
      accountNamed(opening.privileges) === null
        ? whyUnknown(opening.privileges)
        : whyNotCheckedOut(opening, accounts, ports.held(settings.target)),
    rotate: shared.rotate,
    async apply(opening) {
      here(opening.target)
      const password = newPassword()
      ports.shelf.put(opening.grant, opening.target, password)
      const isShared = accountNamed(opening.privileges) !== null
      return (isShared ? shared.access : own).apply(opening, password)
    },
    async reseal(grant, target) {
      const password = newPassword()
      const credential = await accessOf(grant, target).reseal(grant, password)
      ports.shelf.put(grant, target, password)
      return credential
    },
    probePresent: async (grant, target) => accessOf(grant, target).present(grant),
    end: async (grant, target) => accessOf(grant, target).end(grant),
    probeAbsent: async (grant, target) => accessOf(grant, target).probe(grant),
    async evidence(grant, target) {
      here(target)
      if (settings.evidence === undefined) return null
      const role = shared.of(grant) ?? roleOf(grant)
      const stood = await onSession(connect, ({ db }) => isLogged(db, role))
      const found = await evidenceIn(settings.evidence.logFolder, role)
      return { ...found, complete: found.complete && stood }
    },
    async cleanup(grant, target) {
      await accessOf(grant, target).cleanup(grant)
      ports.shelf.drop(grant, target)
    },
    standing: async (target) => {
      here(target)
      return onSession(connect, async ({ db }) => {
        const logins = (await standingRoles(db)).map(grantOf)
        const checkedOut = await checkedOutFor(db, ports.held(target))
        return [...logins.filter((grant) => grant !== null), ...checkedOut]
      })
    },
    excess: () => onSession(connect, excessOf),
    strangers: async (target) => {
      here(target)
      return onSession(connect, async ({ db }) => [
        ...(await strangersOf(db, settings)),
        ...(await sealedInUse(db, shared.resting())),
      ])
    },
  }
}
