/**
 * A target for tests: logins with memberships, sessions and objects, standing rights that were there before, and the
 * ways a target fails. `FakeTarget` is the ground truth, and outlives any number of enforcers that crash on it.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import {
  type Applied,
  type Connector,
  type Credential,
  type Difference,
  type Opening,
  TargetTaken,
} from './port.ts'

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
  kind: 'apply' | 'reseal' | 'end' | 'cleanup'
  grant: GrantId
  at: Instant
}>

export type FakeTarget = {
  logins: FakeLogin[]
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
  /** Counts what was made, so that no two logins or passwords are alike. */
  serial: number
}

export const createFakeTarget = (now: () => Instant): FakeTarget => ({
  logins: [],
  standing: new Set(),
  objects: new Set(),
  effects: [],
  holder: null,
  now,
  down: false,
  liesAboutEnding: false,
  keepsSessions: false,
  refusesCleanup: false,
  serial: 0,
})

/** The ground truth: who can reach the target through `grant` now. */
export const hasAccess = (target: FakeTarget, grant: GrantId): boolean =>
  target.logins.some((login) => login.grant === grant && confers(target, login))

const confers = (target: FakeTarget, login: FakeLogin): boolean =>
  login.sessions.size > 0 || (login.canLogin && target.now() < login.validUntil)

export function connectFake(target: FakeTarget): Connector {
  const me = Symbol('enforcer')
  const reach = () => {
    if (target.down) throw new Error('connection refused')
  }
  const did = (kind: Effect['kind'], grant: GrantId) => {
    target.effects.push({ kind, grant, at: target.now() })
  }
  const hold = () => {
    reach()
    if (target.holder !== null && target.holder !== me)
      throw new TargetTaken('another enforcer holds this target')
    target.holder = me
  }
  const loginOf = (grant: GrantId) => target.logins.find((login) => login.grant === grant)

  return {
    async open() {
      hold()
    },
    async close() {
      if (target.holder === me) target.holder = null
    },
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
    async apply(opening) {
      hold()
      return applyTo(target, opening, loginOf(opening.grant), did)
    },
    async reseal(grant) {
      reach()
      const login = loginOf(grant)
      if (!login?.canLogin) throw new Error('no such login')
      did('reseal', grant)
      login.password = `secret-${++target.serial}`
      return credentialOf(login)
    },
    async probePresent(grant) {
      reach()
      const login = loginOf(grant)
      return login?.canLogin === true && login.memberships.length > 0
    },
    async end(grant) {
      reach()
      did('end', grant)
      endLogin(target, loginOf(grant))
    },
    async probeAbsent(grant) {
      reach()
      return probes(target, loginOf(grant))
    },
    async cleanup(grant) {
      reach()
      if (target.refusesCleanup) throw new Error('the login owns objects')
      did('cleanup', grant)
      target.logins = target.logins.filter((login) => login.grant !== grant)
    },
    async standing() {
      reach()
      return target.logins
        .filter((login) => login.canLogin || login.sessions.size > 0)
        .map(({ grant }) => grant)
    },
  }
}

function applyTo(
  target: FakeTarget,
  opening: Opening,
  existing: FakeLogin | undefined,
  did: (kind: 'apply', grant: GrantId) => void,
): Applied {
  const { grant, privileges, applyBefore, deadline } = opening
  if (target.now() >= applyBefore) {
    endLogin(target, existing)
    return { kind: 'too_late', targetNow: target.now() }
  }
  did('apply', grant)
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
