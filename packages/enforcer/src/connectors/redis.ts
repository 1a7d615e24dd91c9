import type { GrantId } from '@halligan/core'
import type { Access } from './access.ts'
import type { Connector, Credential, Held, Opening } from './port.ts'
import { evidenceOf } from './redis-evidence.ts'
import { TooLate, targetLock } from './redis-lock.ts'
import { notesIn } from './redis-note.ts'
import { ownUsers } from './redis-own.ts'
import { profilesNamed } from './redis-profile.ts'
import { type Connect, connectWith, onSession } from './redis-session.ts'
import { type RedisSettings, reachOf, redisSettings } from './redis-settings.ts'
import { sharedAccounts } from './redis-shared.ts'
import { takeSnapshot } from './redis-snapshot.ts'
import { excessOf, strangersOf } from './redis-strangers.ts'
import { grantOf, listUsers } from './redis-user.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { accountNamed, accountOf, whyNotCheckedOut } from './shared-account.ts'
import { differenceOf } from './snapshot-rows.ts'

/** One Redis server as a target: a user per grant with the profiles that it names, or a shared account checked out. */
export const makeRedisConnector: MakeConnector = (settings, ports) =>
  redisConnector(redisSettings(settings), ports)

export function redisConnector(settings: RedisSettings, ports: ConnectorPorts): Connector {
  const { target, accounts = [] } = settings
  const connect = connectWith(settings)
  const lock = targetLock(connect, target)
  const notes = notesIn(ports.shelf, target)
  const held = () => ports.held(target)
  const basis = { connect, settings, lock, notes }
  const own = ownUsers(basis)
  const shared = sharedAccounts({ ...basis, vault: ports.vault, held })
  const accessBy = (account: string | null): Access =>
    account === null ? own : shared.at(account)

  const here = (asked: string) => {
    if (asked !== target) throw new Error(`${asked} is not ${target}`)
  }
  /** The grant's note says it, or its order does where a crash came before the note. */
  const accessOf = (grant: GrantId, asked: string): Access => {
    here(asked)
    return accessBy(notes.get(grant)?.shared ?? accountOf(ports.held(target, grant), grant))
  }
  const at = async <T>(asked: string, work: () => Promise<T>): Promise<T> => {
    here(asked)
    return work()
  }

  return {
    // Each ending is a few short connections of its own: many of them wait for nobody.
    endsAtOnce: 32,
    open: () => lock.take(),
    close: () => lock.release(),
    difference: (before, after) => differenceOf(before, after),
    snapshot: (asked) => at(asked, () => takeSnapshot(connect, accounts)),
    refuses: (opening) => refusalOf(opening, settings, held),
    sharedAccount: accountNamed,
    accounts: () => accounts,
    apply: async (opening) => {
      here(opening.target)
      const access = accessBy(accountNamed(opening.privileges))
      try {
        const password = await access.open(opening)
        const user = access.user(opening.grant)
        return { kind: 'applied', credential: credentialOf(settings, user, password) }
      } catch (error) {
        if (error instanceof TooLate)
          return { kind: 'too_late', targetNow: error.targetNow }
        throw error
      }
    },
    reseal: async (grant, asked) => {
      const access = accessOf(grant, asked)
      const password = await access.reseal(grant)
      return credentialOf(settings, access.user(grant), password)
    },
    probePresent: async (grant, asked) => accessOf(grant, asked).isOpen(grant),
    end: async (grant, asked) => accessOf(grant, asked).end(grant),
    probeAbsent: async (grant, asked) => accessOf(grant, asked).probe(grant),
    cleanup: async (grant, asked) => {
      await accessOf(grant, asked).cleanUp(grant)
      notes.drop(grant)
    },
    standing: (asked) =>
      at(asked, () => {
        const isCheckedOut = ({ grant, phase }: Held) =>
          phase === 'standing' && typeof notes.get(grant)?.shared === 'string'
        return standingGrants(connect, held().filter(isCheckedOut))
      }),
    rotate: async (account) => {
      if (!accounts.includes(account))
        throw new Error(`${account} is no shared account here`)
      return shared.rotate(account)
    },
    evidence: async (grant, asked) =>
      evidenceOf(connect, accessOf(grant, asked).user(grant), grant),
    excess: (asked) => at(asked, () => excessOf(connect, settings)),
    strangers: (asked) =>
      at(asked, () => strangersOf(connect, { shared, accounts, notes, held })),
  }
}

function refusalOf(
  opening: Opening,
  { accounts = [], profiles = {} }: RedisSettings,
  held: () => readonly Held[],
): string | null {
  if (accountNamed(opening.privileges) !== null)
    return whyNotCheckedOut(opening, accounts, held())
  return profilesNamed(opening.privileges, profiles) === null ? 'unknown_privilege' : null
}

/** Users of grants that are switched on, and shared accounts that are on for one of `checkedOut`. */
async function standingGrants(
  connect: Connect,
  checkedOut: readonly Held[],
): Promise<readonly GrantId[]> {
  const users = (await onSession(connect, listUsers)).filter(({ isOn }) => isOn)
  const own = users.map(({ name }) => grantOf(name)).filter((grant) => grant !== null)
  const shared = checkedOut.filter(({ privileges }) =>
    users.some(({ name }) => name === accountNamed(privileges)),
  )
  return [...new Set([...own, ...shared.map(({ grant }) => grant)])]
}

/** As redis-cli takes it: `redis-cli -h $REDIS_HOST -p $REDIS_PORT --user $REDIS_USER`, with REDISCLI_AUTH in the environment. */
function credentialOf(settings: RedisSettings, user: string, password: string): Credential {
  const { host, port, isTls } = reachOf(settings)
  return {
    REDIS_HOST: host,
    REDIS_PORT: String(port),
    REDIS_TLS: isTls ? 'verify-full' : 'off',
    REDIS_USER: user,
    REDISCLI_AUTH: password,
  }
}
