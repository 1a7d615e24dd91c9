import type { Vault } from '../store/port.ts'
import type { SharedAccounts } from './check-out.ts'
import { grantOf, hashOf, isLocked, listAccounts } from './mariadb-account.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'
import type { Difference, Excess, Held } from './port.ts'
import { unexplained } from './shared-account.ts'

/**
 * Accounts that look like ours and are no grant's, and shared accounts that somebody uses or changed without one (EN-26).
 * MariaDB does not say who made an account or gave a role.
 */
export async function strangersOf(
  connect: Connect,
  known: Known,
): Promise<readonly Difference[]> {
  const { accounts, shared } = known
  const found = await onSession(connect, async (session) =>
    (await listAccounts(session))
      .filter(({ user, host }) => !accounts.includes(user) && isForeign(user, host))
      .map(({ user, host }) => ({ what: 'foreign_account', object: `${user}@${host}` })),
  )
  for (const account of accounts)
    found.push(...(await shared.quietly(account, () => ofShared(connect, known, account))))
  return found
}

type Known = Readonly<{
  accounts: readonly string[]
  target: string
  vault: Vault
  held(): readonly Held[]
  shared: SharedAccounts
}>

/** Ours are at every host. */
const isForeign = (user: string, host: string): boolean =>
  user.startsWith('hg_') && (grantOf(user) === null || host !== '%')

async function ofShared(
  connect: Connect,
  { target, vault, held }: Known,
  account: string,
): Promise<readonly Difference[]> {
  const { listed, hosts } = await onSession(connect, async (session) => ({
    listed: (await listAccounts(session)).filter(({ user }) => user === account),
    hosts: await hostsInside(session, account),
  }))
  const secrets = await vault.secrets(target, account)
  const known = [secrets.current, secrets.proposed]
    .filter((secret) => secret !== null)
    .map(hashOf)
  return unexplained(account, held(), secrets, {
    isChanged: listed.some(({ hash }) => hash === null || !known.includes(hash)),
    isShut: listed.some(isLocked),
    from: hosts,
  })
}

async function hostsInside(session: Session, account: string): Promise<readonly string[]> {
  const rows = await session.call<{ user: string; host: string }>('read_shared_sessions')
  return rows.filter(({ user }) => user === account).map(({ host }) => host)
}

/**
 * What the connector's credential may do beyond calling the procedures, which is all that it needs; and what keeps MariaDB
 * from carrying deadlines by itself.
 */
export async function excessOf(connect: Connect): Promise<readonly Excess[]> {
  return onSession(connect, async (session) => {
    const rows = await session.query<Record<string, string>>('show grants')
    const grants = rows.flatMap((row) => Object.values(row))
    const [server] = await session.call<{ sweeps: number }>('read_server')
    return [
      ...grants.filter((grant) => !isNeeded(grant)).map(excessive),
      ...(server?.sweeps === 1
        ? []
        : [{ grave: false, words: 'event_scheduler is off: MariaDB carries no deadline' }]),
    ]
  })
}

const isNeeded = (grant: string): boolean =>
  !/ WITH (GRANT|ADMIN) OPTION$/.test(grant) &&
  (/^GRANT USAGE ON \*\.\* TO /.test(grant) ||
    /^GRANT EXECUTE ON `halligan`\.\* TO /.test(grant))

/** Of a grant's text only the right itself is told: what follows may hold a hash of the password. */
const excessive = (grant: string): Excess => ({
  grave: true,
  words: `has more than it needs: ${grant.split(' TO ')[0] ?? grant}`,
})
