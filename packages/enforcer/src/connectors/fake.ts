/**
 * A target for tests: logins with memberships, shared accounts, sessions and objects, standing rights that were there before, and the
 * ways a target fails. `FakeTarget` is the ground truth, and outlives any number of enforcers that crash on it.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import { type FakeAccount, fakeAccounts } from './fake-account.ts'
import {
  type Applied,
  type Connector,
  type Credential,
  type Difference,
  type Opening,
  TargetTaken,
} from './port.ts'
import type { ConnectorPorts } from './registry.ts'
import { accountNamed } from './shared-account.ts'

export type FakeLogin = {
  readonly name: string
  readonly grant: GrantId
  memberships: readonly string[]
  password: string
  canLogin: boolean
  validUntil: Instant
  /** Sessions keep their rights until they are ended, whatever happens to the login (EN-01). */
  readonly sessions: Set<symbol>
}

export type Effect = Readonly<{
  kind: 'apply' | 'reseal' | 'end' | 'cleanup' | 'rotate'
  /** Or the account, of a rotation. */
  grant: GrantId | string
  at: Instant
}>

export type FakeTarget = {
  logins: FakeLogin[]
  readonly accounts: Map<string, FakeAccount>
  /** `role:person`, there before any grant. Never touched (EN-17). */
  readonly standing: Set<string>
  /** Other objects, by name: what a persistence diff sees. */
  readonly objects: Set<string>
  /** Everything that was ever done to it, in order. */
  readonly effects: Effect[]
  /** Who holds the target's own lock. */
  holder: symbol | null
  now(): Instant
  down: boolean
  /** `end` answers ok and does nothing (EN-10). */
  liesAboutEnding: boolean
  /** `end` locks the login and leaves its sessions (C-04, EN-14). */
  keepsSessions: boolean
  /** `cleanup` cannot drop what the grant made (EN-04). */
  refusesCleanup: boolean
  /** `rotate` leaves the old secret in force (EN-20). */
  refusesRotation: boolean
  /** What was done in the sessions of each grant, or how reading it fails. */
  readonly evidence: Map<GrantId, string>
  evidenceFails: boolean
  /** Counts what was made, so that no two logins or passwords are alike. */
  serial: number
}

export const createFakeTarget = (now: () => Instant): FakeTarget => ({
  logins: [],
  accounts: new Map(),
  standing: new Set(),
  objects: new Set(),
  effects: [],
  holder: null,
  now,
  down: false,
  liesAboutEnding: false,
  keepsSessions: false,
  refusesCleanup: false,
  refusesRotation: false,
  evidence: new Map(),
  evidenceFails: false,
  serial: 0,
})

/** The ground truth: who can reach the target through `grant` now. */
export const hasAccess = (target: FakeTarget, grant: GrantId): boolean =>
  target.logins.some((login) => login.grant === grant && confers(target, login)) ||
  [...target.accounts.values()].some(
    (account) => account.knownTo.has(grant) && confers(target, account),
  )

const confers = (
  target: FakeTarget,
  login: Readonly<{ canLogin: boolean; validUntil: number; sessions: ReadonlySet<symbol> }>,
): boolean => login.sessions.size > 0 || (login.canLogin && target.now() < login.validUntil)

/** For targets without shared accounts. */
const nothingLent: Pick<ConnectorPorts, 'vault' | 'held'> = {
  held: () => [],
  vault: {
    secrets: async () => ({ current: null, proposed: null, earlier: [], unreadable: [] }),
    propose: async () => {},
    confirm: async () => {},
    withdraw: async () => {},
  },
}

export function connectFake(
  target: FakeTarget,
  name = 'payments-pg',
  ports: Pick<ConnectorPorts, 'vault' | 'held'> = nothingLent,
): Connector {
  const me = Symbol('enforcer')
  const reach = () => {
    if (target.down) throw new Error('connection refused')
  }
  const hold = () => {
    reach()
    if (target.holder !== null && target.holder !== me)
      throw new TargetTaken('another enforcer holds this target')
    target.holder = me
  }
  const shared = fakeAccounts(target, name, ports)
  const at: At = { target, shared, reach, hold }
  return {
    async open() {
      hold()
    },
    async close() {
      if (target.holder === me) target.holder = null
    },
    ...looking(at),
    ...opening(at),
    ...ending(at),
    refuses: shared.refuses,
    sharedAccount: accountNamed,
    accounts: () => [...target.accounts.keys()],
    async rotate(account) {
      reach()
      did(target, 'rotate', account)
      return shared.rotate(account)
    },
  }
}

type At = Readonly<{
  target: FakeTarget
  shared: ReturnType<typeof fakeAccounts>
  reach(): void
  hold(): void
}>

const did = (target: FakeTarget, kind: Effect['kind'], grant: GrantId | string) => {
  target.effects.push({ kind, grant, at: target.now() })
}

const loginOf = (target: FakeTarget, grant: GrantId) =>
  target.logins.find((login) => login.grant === grant)

type Looking = 'snapshot' | 'difference' | 'standing' | 'strangers' | 'evidence'

const looking = ({ target, shared, reach }: At): Pick<Connector, Looking> => ({
  async snapshot() {
    reach()
    const logins = target.logins.map((login) => `login of ${login.grant}`)
    return JSON.stringify([...logins, ...target.objects].sort())
  },
  difference(before, after, grant) {
    const known = new Set(JSON.parse(before) as string[])
    const own = `login of ${grant}`
    return (JSON.parse(after) as string[])
      .filter((object) => !known.has(object) && object !== own)
      .map((object): Difference => ({ what: 'appeared', object }))
  },
  async standing() {
    reach()
    const logins = target.logins
      .filter((login) => login.canLogin || login.sessions.size > 0)
      .map(({ grant }) => grant)
    const out = [...target.accounts.values()]
      .filter(({ canLogin }) => canLogin)
      .flatMap(({ knownTo }) => [...knownTo])
    return [...logins, ...out]
  },
  async strangers() {
    reach()
    return shared.usedWithoutGrant()
  },
  async evidence(grant) {
    reach()
    if (target.evidenceFails) throw new Error('the log is away')
    const text = target.evidence.get(grant)
    return text === undefined ? null : { what: 'statements', text, complete: true }
  },
})

const opening = (at: At): Pick<Connector, 'apply' | 'reseal' | 'probePresent'> => ({
  async apply(order) {
    const { target, shared, hold } = at
    hold()
    if (accountNamed(order.privileges) === null) return applyTo(target, order)
    did(target, 'apply', order.grant)
    return shared.checkOut(order)
  },
  async reseal(grant) {
    const { target, shared, reach } = at
    reach()
    const account = shared.of(grant)
    if (account !== null) return shared.reseal(grant, account)
    const login = loginOf(target, grant)
    if (!login?.canLogin) throw new Error('no such login')
    did(target, 'reseal', grant)
    login.password = `secret-${++target.serial}`
    return credentialOf(login)
  },
  async probePresent(grant) {
    const { target, shared, reach } = at
    reach()
    const account = shared.of(grant)
    if (account !== null) return account.canLogin && account.knownTo.has(grant)
    const login = loginOf(target, grant)
    return login?.canLogin === true && login.memberships.length > 0
  },
})

const ending = ({
  target,
  shared,
  reach,
}: At): Pick<Connector, 'end' | 'probeAbsent' | 'cleanup'> => ({
  async end(grant) {
    reach()
    did(target, 'end', grant)
    const account = shared.of(grant)
    if (account === null) endLogin(target, loginOf(target, grant))
    else shared.end(grant, account)
  },
  async probeAbsent(grant) {
    reach()
    const account = shared.of(grant)
    return account === null
      ? probes(target, loginOf(target, grant))
      : shared.probes(grant, account)
  },
  async cleanup(grant) {
    reach()
    if (target.refusesCleanup) throw new Error('the login owns objects')
    did(target, 'cleanup', grant)
    target.logins = target.logins.filter((login) => login.grant !== grant)
  },
})

function applyTo(target: FakeTarget, opening: Opening): Applied {
  const { grant, privileges, applyBefore, deadline } = opening
  const existing = loginOf(target, grant)
  if (target.now() >= applyBefore) {
    endLogin(target, existing)
    return { kind: 'too_late', targetNow: target.now() }
  }
  did(target, 'apply', grant)
  const serial = ++target.serial
  const login = existing ?? blankLogin(grant, serial)
  login.memberships = privileges
  login.password = `secret-${serial}`
  login.canLogin = true
  login.validUntil = deadline
  if (existing === undefined) target.logins.push(login)
  return { kind: 'applied', credential: credentialOf(login) }
}

function endLogin(target: FakeTarget, login: FakeLogin | undefined): void {
  if (login === undefined || target.liesAboutEnding) return
  login.canLogin = false
  login.memberships = []
  if (!target.keepsSessions) login.sessions.clear()
}

const blankLogin = (grant: GrantId, serial: number): FakeLogin => ({
  name: `login-${serial}`,
  grant,
  memberships: [],
  password: '',
  canLogin: false,
  validUntil: 0 as Instant,
  sessions: new Set(),
})

const credentialOf = ({ name, password }: FakeLogin): Credential => ({
  user: name,
  password,
})

function probes(target: FakeTarget, login: FakeLogin | undefined): readonly ProbeResult[] {
  const at = target.now()
  const locked = login === undefined || (!login.canLogin && login.memberships.length === 0)
  return [
    { probe: 'login', absent: locked, at },
    { probe: 'sessions', absent: (login?.sessions.size ?? 0) === 0, at },
  ]
}
