import type { GrantId } from '@halligan/core'
import { accountConnector } from './account-connector.ts'
import { accountNotesIn } from './account-note.ts'
import { sharedAccounts } from './check-out.ts'
import type { Connector, SessionEvidence } from './port.ts'
import { accountAt, checkedOutOf, sealedInUse } from './postgres-account.ts'
import { evidenceIn, readLogging } from './postgres-evidence.ts'
import { lacksOf } from './postgres-lacks.ts'
import { targetLock } from './postgres-lock.ts'
import { credentialOf } from './postgres-login.ts'
import { ownLogins } from './postgres-own.ts'
import { grantOf, standingRoles, whyUnknown } from './postgres-role.ts'
import { type Connect, connectWith, onSession } from './postgres-session.ts'
import { type PostgresSettings, postgresSettings } from './postgres-settings.ts'
import { takeSnapshot } from './postgres-snapshot.ts'
import { excessOf, strangersOf } from './postgres-strangers.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { inRounds } from './rounds.ts'

/** One PostgreSQL cluster as a target: a login per grant, in the roles that the grant names, or a shared account. */
export const makePostgresConnector: MakeConnector = (settings, ports) =>
  postgresConnector(postgresSettings(settings), ports)

export function postgresConnector(
  settings: PostgresSettings,
  { clock, shelf, vault, held: heldAt }: ConnectorPorts,
): Connector {
  const { target, accounts = [] } = settings
  const connect = connectWith(settings)
  const lock = targetLock(connect, target)
  const notes = accountNotesIn(shelf, target)
  const held = (grant?: GrantId) => heldAt(target, grant)
  const shared = sharedAccounts(
    { accounts, held, notes, clock },
    accountAt({ connect, settings, lock, vault, clock }),
  )
  const snapshot = inRounds(
    1,
    async ([asked = target]: readonly string[]) =>
      new Map([[asked, await takeSnapshot(connect, accounts)]]),
  )
  return accountConnector({
    ...{ settings, lock, notes, held, shared, whyUnknown },
    own: ownLogins({ connect, settings, lock, notes }),
    endsAtOnce: 500,
    credentialOf: (user, password) => credentialOf(settings, user, password),
    open: () =>
      onSession(connect, async ({ db }) => {
        const own = (await standingRoles(db)).map(grantOf)
        return {
          own: own.filter((grant) => grant !== null),
          accounts: await checkedOutOf(db, accounts),
        }
      }),
    snapshot: () => snapshot(target),
    evidence: (user, grant) => evidenceOf(settings, connect, user, grant),
    excess: () => onSession(connect, excessOf),
    lacks: (privileges) =>
      onSession(connect, (session) => lacksOf(session, settings, privileges)),
    strangers: async () => [
      ...(await onSession(connect, ({ db }) => strangersOf(db, settings))),
      ...(await sealedInUse(connect, { accounts, held, shared, vault, target })),
    ],
  })
}

async function evidenceOf(
  { evidence }: PostgresSettings,
  connect: Connect,
  role: string,
  grant: GrantId,
): Promise<SessionEvidence | null> {
  if (evidence === undefined) return null
  const { stands, markedBy } = await onSession(connect, ({ db }) => readLogging(db, role))
  const found = await evidenceIn(evidence.logFolder, { role, grant, markedBy })
  return { ...found, complete: found.complete && stands }
}
