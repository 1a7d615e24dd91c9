import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Applied, Credential, Opening } from './port.ts'
import {
  checkOut,
  isCheckedOut,
  type Keeping,
  probeAccount,
  recheckOut,
  rotateAccount,
} from './postgres-account.ts'
import { endAccess } from './postgres-ending.ts'
import type { TargetLock } from './postgres-lock.ts'
import { credentialOf, loginConfig } from './postgres-login.ts'
import { probeLogin } from './postgres-probe.ts'
import { type Connect, onSession, type Session } from './postgres-session.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import type { ConnectorPorts } from './registry.ts'
import { oneAtATimePer } from './rounds.ts'
import {
  accountOf,
  heldByAnother,
  restingAccounts,
  standsOtherwise,
} from './shared-account.ts'

/** What one PostgreSQL connector has in hand. */
export type Lent = Readonly<{
  settings: PostgresSettings
  ports: ConnectorPorts
  connect: Connect
  lock: TargetLock
}>

/** The methods of the connector that differ between a login of the grant's own and a shared account. */
export type Access = Readonly<{
  apply(opening: Opening, password: string): Promise<Applied>
  reseal(grant: GrantId, password: string): Promise<Credential>
  present(grant: GrantId): Promise<boolean>
  end(grant: GrantId): Promise<void>
  probe(grant: GrantId): Promise<readonly ProbeResult[]>
  cleanup(grant: GrantId): Promise<void>
}>

export type SharedAccounts = Readonly<{
  /** The account that the books say this grant has, or null. */
  of(grant: GrantId): string | null
  /** Accounts that no unfinished grant has. */
  resting(): readonly string[]
  rotate(account: string): Promise<readonly ProbeResult[]>
  access: Access
}>

/**
 * Openings, endings and rotations of one account go one after the other, so that what is counted stays true while it is acted on.
 */
export function sharedAccounts(lent: Lent): SharedAccounts {
  const { settings, ports, connect, lock } = lent
  const { target, accounts = [] } = settings
  const inTurn = oneAtATimePer<string>()
  /** While one is being rotated, its own logins are not somebody else's. */
  const rotating = new Set<string>()
  const of = (grant: GrantId) => accountOf(ports.held(target, grant), grant)
  return {
    of,
    access: accessTo(lent, of, inTurn),
    resting: () =>
      restingAccounts(accounts, ports.held(target)).filter((one) => !rotating.has(one)),
    rotate: (account) =>
      inTurn(account, async () => {
        rotating.add(account)
        try {
          const kept = { account, settings, vault: ports.vault }
          return await lock.whileHeld((session) => rotateAccount(session, connect, kept))
        } finally {
          rotating.delete(account)
        }
      }),
  }
}

function accessTo(
  { settings, ports, connect, lock }: Lent,
  of: SharedAccounts['of'],
  inTurn: ReturnType<typeof oneAtATimePer<string>>,
): Access {
  const { target } = settings
  const keeping = (account: string): Keeping => ({ account, settings, vault: ports.vault })
  const mustHave = (grant: GrantId): string => {
    const account = of(grant)
    if (account === null) throw new Error(`${grant} has no shared account`)
    return account
  }
  const isCounted = (grant: GrantId, account: string): boolean =>
    standsOtherwise(ports.held(target), grant, account)
  const apply = async (session: Session, opening: Opening, password: string) => {
    const account = mustHave(opening.grant)
    const isShared = isCounted(opening.grant, account)
    const kept = keeping(account)
    const outcome = await checkOut(session, kept, opening, password, isShared)
    if (outcome === 'applied') {
      const credential = credentialOf(settings, account, password)
      return { kind: 'applied', credential } as const
    }
    if (!isShared) await endAccess(connect, account, 'shared')
    return { kind: 'too_late', targetNow: outcome.lateAt } as const
  }
  return {
    apply: (opening, password) =>
      inTurn(mustHave(opening.grant), () =>
        lock.whileHeld((session) => apply(session, opening, password)),
      ),
    async reseal(grant, password) {
      const account = mustHave(grant)
      await inTurn(account, () =>
        lock.whileHeld((session) => recheckOut(session, keeping(account), password)),
      )
      return credentialOf(settings, account, password)
    },
    present: (grant) => onSession(connect, ({ db }) => isCheckedOut(db, mustHave(grant))),
    end: (grant) =>
      inTurn(mustHave(grant), async () => {
        const account = mustHave(grant)
        if (!isCounted(grant, account)) await endAccess(connect, account, 'shared')
      }),
    async probe(grant) {
      const account = mustHave(grant)
      const now = Date.now() as Instant
      if (isCounted(grant, account)) return heldByAnother(now)
      const catalog = await probeAccount(connect, account)
      const secret = ports.shelf.get(grant, target)
      if (secret === null || !catalog.every(({ absent }) => absent)) return catalog
      const login = await probeLogin(loginConfig(settings, account, secret), now)
      return login === null ? catalog : [...catalog, login]
    },
    cleanup: async () => {},
  }
}
