import { payloadDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { describe, expect, test } from 'vitest'
import { createEstate } from '../test/estate.ts'
import {
  Crash,
  type CrashPlan,
  crashingAt,
  createHost,
  grantNamed,
  type Host,
  start,
} from '../test/host.ts'
import { accept, kinds, lifeMillis, pass as passLoop, receipts, run } from '../test/run.ts'
import { pass, type World } from '../test/world.ts'
import { hasAccess } from './connectors/fake.ts'
import { type Daemon, startDaemon, usualDaemonPace } from './daemon.ts'
import type { Site } from './site.ts'

const ada = grantNamed('a')

/** What a look a second may be late, and a restart. */
const slackMillis = 1500

/**
 * Never two identities of one grant; and none at all once its bound has passed, although ada is inside with a session
 * that nothing but an ending takes away.
 */
function watch(host: Host, plan?: CrashPlan): () => void {
  return () => {
    if (plan?.dead) throw new Crash('nobody is left to go on')
    const mine = host.target.logins.filter(({ grant }) => grant === ada)
    expect(mine.length).toBeLessThanOrEqual(1)
    for (const login of mine) if (login.canLogin) login.sessions.add(Symbol('psql'))
    if (host.clock.read().wall >= start + lifeMillis + slackMillis)
      expect(hasAccess(host.target, ada)).toBe(false)
  }
}

function judge(host: Host): void {
  const { target, books } = host
  expect(hasAccess(target, ada)).toBe(false)
  expect(target.logins).toEqual([])
  const done = target.effects.map(({ kind }) => kind)
  const told = kinds(books)
  if (done.length > 0) expect(told.filter((kind) => kind === 'absent')).toHaveLength(1)
  expect(done.lastIndexOf('apply')).toBeLessThan(Math.max(done.indexOf('end'), 0))
  expect(told.filter((kind) => kind === 'ending').length).toBeLessThanOrEqual(1)
  expect(books.unfinished()).toEqual([])
  const chain = books.outgoing(1000)
  receipts(books).forEach((receipt, i) => {
    const before = chain[i - 1]?.delivery.receipt
    const expected = before === undefined ? null : payloadDigest(nodeCrypto, before)
    expect(receipt).toMatchObject({ seq: i + 1, prevReceiptDigest: expected })
  })
}

/** One whole life, killed at the n-th call through any port, and brought up again on the same disk. */
async function lifeKilledAt(at: number, when: 'before' | 'after'): Promise<CrashPlan> {
  const host = createHost()
  const plan: CrashPlan = { calls: 0, dead: false }
  const doomed = host.boot({}, crashingAt(plan, at, when))
  const known = () => host.books.hold(ada, 'payments-pg').phase !== 'none'
  try {
    accept(doomed, ada)
    const first = run(doomed)
    await passLoop(host, first.loop, lifeMillis + 5000, watch(host, plan))
    first.loop.stop()
  } catch (error) {
    if (!(error instanceof Crash)) throw error
  }
  host.scheduler.clear()
  if (plan.dead) {
    const second = run(host.boot())
    await passLoop(host, second.loop, lifeMillis + 5000, watch(host))
    second.loop.stop()
    expect(second.broken).toEqual([])
  } else {
    expect(kinds(host.books)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(host.target.effects.map(({ kind }) => kind)).toEqual(['apply', 'end', 'cleanup'])
  }
  if (known()) judge(host)
  else expect(host.target.effects).toEqual([])
  return plan
}

describe('kill -9 at every call through a port', () => {
  test.each(['before', 'after'] as const)(
    'K-07 K-10 K-11 INV-9 INV-10 %s the call: one identity at most, ended by its bound, absent told once',
    async (when) => {
      const whole = await lifeKilledAt(Number.POSITIVE_INFINITY, when)
      expect(whole.calls).toBeGreaterThan(15)
      for (let at = 1; at <= whole.calls; at++) {
        const plan = await lifeKilledAt(at, when)
        expect(plan.dead, `call ${at} happened`).toBe(true)
      }
    },
  )
})

/** The same life on a shared account: what is owed after absence is met once, whatever dies in between. */
async function checkOutKilledAt(at: number, when: 'before' | 'after'): Promise<CrashPlan> {
  const host = createHost()
  const plan: CrashPlan = { calls: 0, dead: false }
  const doomed = host.boot({}, crashingAt(plan, at, when))
  host.target.evidence.set(ada, 'select 1')
  const account = host.target.accounts.get('payments_owner')
  if (account === undefined) throw new Error('no account')
  /** Whoever was given the secret is inside as long as it works. */
  const watchAccount = (alive?: CrashPlan) => () => {
    if (alive?.dead) throw new Crash('nobody is left to go on')
    if (account.canLogin && account.knownTo.has(ada)) account.sessions.add(Symbol('psql'))
    if (host.clock.read().wall >= start + lifeMillis + slackMillis)
      expect(hasAccess(host.target, ada)).toBe(false)
  }
  try {
    accept(doomed, ada, 'payments_owner')
    const first = run(doomed)
    await passLoop(host, first.loop, lifeMillis + 8000, watchAccount(plan))
    first.loop.stop()
  } catch (error) {
    if (!(error instanceof Crash)) throw error
  }
  host.scheduler.clear()
  const known = host.books.hold(ada, 'payments-pg').phase !== 'none'
  if (plan.dead) {
    const second = run(host.boot())
    await passLoop(host, second.loop, lifeMillis + 8000, watchAccount())
    second.loop.stop()
    expect(second.broken).toEqual([])
  } else
    expect(kinds(host.books)).toEqual([
      ...['applied', 'ending', 'absent', 'rotated', 'witnessed', 'cleaned'],
    ])
  if (!known) return plan
  expect(hasAccess(host.target, ada)).toBe(false)
  expect(host.books.unfinished()).toEqual([])
  for (const kind of ['absent', 'rotated', 'witnessed', 'cleaned'])
    expect(kinds(host.books).filter((told) => told === kind)).toHaveLength(1)
  expect(account.canLogin).toBe(true)
  const { current, proposed } = await host.vault.secrets('payments-pg', 'payments_owner')
  expect([current, proposed]).toContain(account.secret)
  return plan
}

test.each(['before', 'after'] as const)(
  'K-11 INV-20 %s each call of a check-out: rotated and witnessed once, the vault holds what works',
  async (when) => {
    const whole = await checkOutKilledAt(Number.POSITIVE_INFINITY, when)
    expect(whole.calls).toBeGreaterThan(25)
    for (let at = 1; at <= whole.calls; at++) await checkOutKilledAt(at, when)
  },
  30_000,
)

/** What stands in before a daemon has started, or when it died starting. */
const idle: Daemon = {
  due: {
    look: () => {},
    lane: () => {
      throw new Error('no lanes')
    },
    hurry: () => {},
    backlog: () => ({ endsOpen: 0, provenPerMinute: 0, etaSeconds: null }),
    trouble: () => null,
    idle: async () => {},
    stop: () => {},
  },
  wake: () => {},
  idle: async () => {},
  stop: async () => {},
}

/** The same through a whole daemon: sync, verify, accept, apply, tell, end, with the control plane honest. */
async function emergencyKilledAt(at: number, when: 'before' | 'after'): Promise<CrashPlan> {
  const host = createHost()
  const estate = createEstate(host.clock)
  const plan: CrashPlan = { calls: 0, dead: false }
  const through = crashingAt(plan, at, when)
  const honest = {
    signer: estate.keys.enforcer,
    pinned: estate.rosterDigest,
    controlPlane: estate.controlPlane,
  }
  estate.grant(ada, { terms: { lifeSeconds: lifeMillis / 1000 } })
  const site = host.boot({ ...honest, controlPlane: through(estate.controlPlane) }, through)
  const it: World = { host, estate, site, broken: [], daemon: idle }
  const live = async (alive: Site, doomed?: CrashPlan) => {
    it.daemon = await startDaemon(alive, usualDaemonPace, (error) => it.broken.push(error))
    await pass(it, lifeMillis + 6000, watch(host, doomed))
  }
  try {
    await live(site, plan)
  } catch (error) {
    if (!(error instanceof Crash)) throw error
  }
  if (plan.dead) {
    it.daemon.due.stop()
    host.scheduler.clear()
    it.broken.length = 0
    await live(host.boot(honest))
    expect(it.broken).toEqual([])
  }
  expect(hasAccess(host.target, ada)).toBe(false)
  expect(host.target.logins).toEqual([])
  expect(host.books.unfinished()).toEqual([])
  expect(host.books.outgoing(10)).toEqual([])
  const told = estate.receipts.map(({ detail }) => detail.kind)
  expect(told.filter((kind) => kind === 'absent')).toHaveLength(1)
  expect(told.filter((kind) => kind === 'applied').length).toBeLessThanOrEqual(1)
  const sealed = estate.deliveries.filter((delivery) => delivery.sealed !== undefined)
  expect(sealed).toHaveLength(told.filter((kind) => kind === 'applied').length)
  return plan
}

test.each(['before', 'after'] as const)(
  'K-07 K-08 K-11 INV-2 INV-10 %s each call of a whole emergency: told once, sealed once, gone',
  async (when) => {
    const whole = await emergencyKilledAt(Number.POSITIVE_INFINITY, when)
    expect(whole.calls).toBeGreaterThan(25)
    for (let at = 1; at <= whole.calls; at++) await emergencyKilledAt(at, when)
  },
  30_000,
)
