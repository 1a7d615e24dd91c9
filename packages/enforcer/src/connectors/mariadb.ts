import type { GrantId } from '@halligan/core'
import type { Access } from './access.ts'
import { ownAccounts } from './mariadb-access.ts'
import { grantOf, isLocked, listAccounts, rolesNamed, TooLate } from './mariadb-account.ts'
import { evidenceOf } from './mariadb-evidence.ts'
import { targetLock } from './mariadb-lock.ts'
import { notesIn } from './mariadb-note.ts'
import { type Connect, connectWith, onSession } from './mariadb-session.ts'
import { clientConfig, type MariadbSettings, mariadbSettings } from './mariadb-settings.ts'
import { sharedAccounts } from './mariadb-shared.ts'
import { takeSnapshot } from './mariadb-snapshot.ts'
import { excessOf, strangersOf } from './mariadb-strangers.ts'
import type { Connector, Credential, Held, Opening } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { accountNamed, accountOf, whyNotCheckedOut } from './shared-account.ts'
import { differenceOf } from './snapshot-rows.ts'

/** One MariaDB server as a target: an account per grant in the roles that it names, or a shared account checked out. */
export const makeMariadbConnector: MakeConnector = (settings, ports) =>
  mariadbConnector(mariadbSettings(settings), ports)

export function mariadbConnector(
  settings: MariadbSettings,
  ports: ConnectorPorts,
): Connector {
  const connect = connectWith(settings)
  const lock = targetLock(connect, settings.target)
  const notes = notesIn(ports.shelf, settings.target)
  const held = (grant?: GrantId) => ports.held(settings.target, grant)
  const accounts = settings.accounts ?? []
  const basis = { connect, settings, lock, notes }
  const own = ownAccounts(basis)
  const shared = sharedAccounts({ ...basis, vault: ports.vault, held })
  const accessBy = (account: string | null): Access =>
    account === null ? own : shared.at(account)

  /** The grant's note says it, or its order does where a crash came before the note. */
  const accessOf = (grant: GrantId, target: string): Access => {
    here(target)
    return accessBy(notes.get(grant)?.shared ?? accountOf(held(grant), grant))
  }
  const here = (target: string) => {
    if (target !== settings.target) throw new Error(`${target} is not ${settings.target}`)
  }
  const at = async <T>(target: string, work: () => Promise<T>): Promise<T> => {
    here(target)
    return work()
  }
  const evidence: Connector['evidence'] = async (grant, target) => {
    const user = accessOf(grant, target).user(grant)
    if (settings.evidence === undefined) return null
    return evidenceOf(connect, user, grant)
  }

  return {
    endsAtOnce: 200,
    open: () => lock.take(),
    close: () => lock.release(),
    difference: (before, after) => differenceOf(before, after),
    snapshot: (target) => at(target, () => takeSnapshot(connect)),
    refuses: (opening) => refusalOf(opening, accounts, held()),
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
    reseal: async (grant, target) => {
      const access = accessOf(grant, target)
      const password = await access.reseal(grant)
      return credentialOf(settings, access.user(grant), password)
    },
    probePresent: async (grant, target) => accessOf(grant, target).isOpen(grant),
    end: async (grant, target) => accessOf(grant, target).end(grant),
    probeAbsent: async (grant, target) => accessOf(grant, target).probe(grant),
    cleanup: async (grant, target) => {
      await accessOf(grant, target).cleanUp(grant)
      notes.drop(grant)
    },
    standing: async (target) => {
      here(target)
      const isCheckedOut = ({ grant, phase }: Held) =>
        phase === 'standing' && typeof notes.get(grant)?.shared === 'string'
      return standingGrants(connect, held().filter(isCheckedOut))
    },
    rotate: async (account) => {
      if (!accounts.includes(account))
        throw new Error(`${account} is no shared account here`)
      return shared.rotate(account)
    },
    evidence,
    excess: (target) => at(target, () => excessOf(connect, settings)),
    strangers: (target) => at(target, () => strangersOf(connect, shared, accounts, held)),
  }
}

function refusalOf(
  opening: Opening,
  accounts: readonly string[],
  held: readonly Held[],
): string | null {
  if (accountNamed(opening.privileges) !== null)
    return whyNotCheckedOut(opening, accounts, held)
  return rolesNamed(opening.privileges) === null ? 'unknown_privilege' : null
}

/** Accounts of grants that may log in or still have a role, and shared accounts that are open for one of `checkedOut`. */
async function standingGrants(
  connect: Connect,
  checkedOut: readonly Held[],
): Promise<readonly GrantId[]> {
  const listed = await onSession(connect, listAccounts)
  const own = listed
    .filter((each) => !isLocked(each) || each.roles > 0)
    .map(({ user }) => grantOf(user))
    .filter((grant) => grant !== null)
  const shared = checkedOut.filter(({ privileges }) =>
    listed.some((each) => !isLocked(each) && each.user === accountNamed(privileges)),
  )
  return [...new Set([...own, ...shared.map(({ grant }) => grant)])]
}

/** In the names that the `mariadb` and `mysql` programs read, as far as they read any. */
function credentialOf(
  settings: MariadbSettings,
  user: string,
  password: string,
): Credential {
  const { host = '', port } = clientConfig(settings)
  return {
    MYSQL_HOST: settings.reach?.host ?? host,
    MYSQL_TCP_PORT: String(settings.reach?.port ?? port),
    MYSQL_USER: user,
    MYSQL_PWD: password,
  }
}
