import type { GrantId, Instant } from '@halligan/core'
import type { Connector } from './port.ts'
import { targetLock } from './redis-lock.ts'
import { applyUser, resealUser, rotateUser } from './redis-opening.ts'
import { connectWith, onSession, type Session } from './redis-session.ts'
import { type RedisSettings, redisSettings } from './redis-settings.ts'
import { differenceOf, excessOf, strangersOf, takeSnapshot } from './redis-snapshot.ts'
import {
  dropUser,
  grantOf,
  lockOut,
  probeUser,
  readUser,
  stands,
  userOf,
  usersOf,
} from './redis-user.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { oneAtATime } from './rounds.ts'
import {
  accountNamed,
  accountOf,
  heldByAnother,
  restingAccounts,
  standsOtherwise,
  whyNotCheckedOut,
} from './shared-account.ts'

/** One Redis as a target: a user per grant, with the rules of its profiles, or a shared account. */
export const makeRedisConnector: MakeConnector = (settings, ports) =>
  redisConnector(redisSettings(settings), ports)

/** The shelf keeps each password until absence, only to show that it opens nothing any more. */
export function redisConnector(settings: RedisSettings, ports: ConnectorPorts): Connector {
  const { target, accounts = [] } = settings
  const connect = connectWith(settings)
  const lock = targetLock(connect, target)
  const lent = { settings, ports, connect, lock }
  /** What is counted stays true while it is acted on. */
  const inTurn = oneAtATime()
  const held = () => ports.held(target)
  const nameOf = (grant: GrantId) => accountOf(held(), grant) ?? userOf(grant)
  const isCounted = (grant: GrantId) => {
    const account = accountOf(held(), grant)
    return account !== null && standsOtherwise(held(), grant, account)
  }
  const end = async (grant: GrantId) => {
    if (!isCounted(grant)) await lockOut(connect, nameOf(grant))
  }

  return {
    open: lock.take,
    close: lock.release,
    accounts: () => accounts,
    sharedAccount: accountNamed,
    refuses: (opening) =>
      accountNamed(opening.privileges) === null
        ? whyUnknown(opening.privileges, settings)
        : whyNotCheckedOut(opening, accounts, held()),
    snapshot: () => onSession(connect, takeSnapshot),
    difference: differenceOf,
    apply: (opening) => inTurn(() => applyUser(lent, opening, () => end(opening.grant))),
    reseal: (grant) => inTurn(() => resealUser(lent, grant)),
    rotate: (account) => inTurn(() => rotateUser(lent, account)),
    probePresent: (grant) =>
      onSession(connect, (session) => stands(session, nameOf(grant))),
    end: (grant) => inTurn(() => end(grant)),
    async probeAbsent(grant) {
      if (isCounted(grant)) return heldByAnother(Date.now() as Instant)
      return probeUser(connect, nameOf(grant), ports.shelf.get(grant, target))
    },
    async cleanup(grant) {
      if (accountOf(held(), grant) === null) await dropUser(connect, userOf(grant))
      ports.shelf.drop(grant, target)
    },
    async standing() {
      const own = await onSession(connect, standingGrants)
      const checkedOut = held().filter(
        ({ privileges, phase }) =>
          accountNamed(privileges) !== null && phase === 'standing',
      )
      return [...own, ...checkedOut.map(({ grant }) => grant)]
    },
    strangers: () =>
      onSession(connect, (session) =>
        strangersOf(session, restingAccounts(accounts, held())),
      ),
    excess: () => onSession(connect, excessOf),
  }
}

async function standingGrants(session: Session): Promise<readonly GrantId[]> {
  const grants: GrantId[] = []
  for (const user of await usersOf(session)) {
    const grant = grantOf(user)
    if (grant === null) continue
    if ((await readUser(session, user))?.flags.includes('on')) grants.push(grant)
  }
  return grants
}

function whyUnknown(privileges: readonly string[], { profiles }: RedisSettings) {
  const isKnown = (privilege: string) =>
    privilege.startsWith('acl:') && Object.hasOwn(profiles, privilege.slice('acl:'.length))
  return privileges.every(isKnown) ? null : 'unknown_privilege'
}
