/**
 * The connector of one enforcer process: the connector suite's fake behind a wire, and beside its logins the target's shared
 * accounts, by the code that real connectors have for them.
 *
 * @module
 */
import type { Access } from '../../packages/enforcer/src/connectors/access.ts'
import { accountConnector } from '../../packages/enforcer/src/connectors/account-connector.ts'
import { accountNotesIn } from '../../packages/enforcer/src/connectors/account-note.ts'
import { sharedAccounts } from '../../packages/enforcer/src/connectors/check-out.ts'
import { connectFake } from '../../packages/enforcer/src/connectors/fake.ts'
import type { Connector, Difference } from '../../packages/enforcer/src/connectors/port.ts'
import type { ConnectorPorts } from '../../packages/enforcer/src/connectors/registry.ts'
import { unexplained } from '../../packages/enforcer/src/connectors/shared-account.ts'
import { TooLate } from '../../packages/enforcer/src/connectors/too-late.ts'
import type { Scheduler } from '../../packages/enforcer/src/ports.ts'
import { accountSteps, askAccount } from './account-steps.ts'
import type { Target } from './target.ts'
import type { Wire } from './wire.ts'

type Ports = ConnectorPorts & Readonly<{ wire: Wire; scheduler: Scheduler }>

export function connectTo(target: Target, ports: Ports): Connector {
  const there = connectFake(target.fake)
  const logins = remotely(there, ports.wire)
  return target.accounts.size === 0
    ? logins
    : withAccounts(target, logins, () => there.open(), ports)
}

/** The calls of a connector that go to its target. */
export const remote: ReadonlySet<string | symbol> = new Set<string | symbol>([
  ...['open', 'snapshot', 'apply', 'reseal', 'probePresent', 'end', 'probeAbsent'],
  ...['cleanup', 'standing', 'strangers', 'evidence', 'rotate'],
])

type Call = (...args: unknown[]) => unknown

const remotely = (there: Connector, wire: Wire): Connector =>
  new Proxy(there, {
    get(_, name, receiver) {
      const member: unknown = Reflect.get(there, name, receiver)
      if (typeof member !== 'function' || !remote.has(name)) return member
      const call = member as Call
      return (...args: unknown[]) => wire.ask(String(name), () => call.apply(there, args))
    },
  })

function withAccounts(
  target: Target,
  logins: Connector,
  takeLock: () => Promise<void>,
  { clock, shelf, vault, held: heldAt, wire, scheduler }: Ports,
): Connector {
  const accounts = [...target.accounts.keys()]
  const held = () => heldAt(target.name)
  const notes = accountNotesIn(shelf, target.name)
  const freshPassword = () => `secret-${++target.fake.serial}`
  const desk = { target, takeLock, wire, vault, scheduler, freshPassword }
  const shared = sharedAccounts(
    { accounts, held: (grant) => heldAt(target.name, grant), notes, clock, freshPassword },
    accountSteps(desk),
  )
  const sightOf = (account: string) =>
    askAccount(desk, account)('look', (there) => there.look())
  const strangersIn = (account: string): Promise<readonly Difference[]> =>
    shared.quietly(account, async () => {
      const { isOpen, sessions } = await sightOf(account)
      const secrets = await vault.secrets(target.name, account)
      const from = sessions > 0 ? ['a session'] : []
      const seen = { isChanged: false, isShut: !isOpen, from }
      return unexplained(account, held(), secrets, seen)
    })
  const whole = accountConnector({
    settings: { target: target.name, accounts },
    endsAtOnce: 8,
    lock: { take: () => logins.open(), release: () => logins.close() },
    ...{ held, notes, shared, own: ownLogins(target, logins) },
    whyUnknown: () => null,
    credentialOf: (user, password) => ({ user, password }),
    async open() {
      const sights = await Promise.all(accounts.map(sightOf))
      const own = await logins.standing(target.name)
      return { own, accounts: accounts.filter((_, index) => sights[index]?.isOpen) }
    },
    snapshot: () => logins.snapshot(target.name),
    evidence: async () => null,
    excess: async () => [],
    async strangers() {
      const found = await Promise.all(accounts.map(strangersIn))
      return found.flat()
    },
  })
  return { ...whole, difference: logins.difference }
}

/** Logins of a grant's own, as the fake has them. */
function ownLogins({ name }: Target, logins: Connector): Access {
  return {
    user: (grant) => grant,
    async open(opening) {
      const applied = await logins.apply(opening)
      if (applied.kind === 'too_late') throw new TooLate(applied.targetNow)
      return applied.credential.password ?? ''
    },
    reseal: async (grant) => (await logins.reseal(grant, name)).password ?? '',
    isOpen: (grant) => logins.probePresent(grant, name),
    end: (grant) => logins.end(grant, name),
    probe: (grant) => logins.probeAbsent(grant, name),
    cleanUp: (grant) => logins.cleanup(grant, name),
  }
}
