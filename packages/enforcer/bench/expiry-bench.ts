/**
 * L-01: very many grants of one enforcer that are due at one instant, on the real books, at three targets that take 1 ms, 10 ms
 * and 1 s for each call. Meanwhile, on each target, one grant is revoked and one is opened.
 *
 *     node packages/enforcer/bench/expiry-bench.ts [COUNT] [SECONDS]
 *
 * Of COUNT a hundredth is at the slow target and half of the rest at each other. It stops after SECONDS, and says how many ended by then.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant } from '@halligan/core'
import { beginEnd } from '../src/begin-end.ts'
import type { Connector } from '../src/connectors/port.ts'
import { startDueLoop, usualPace } from '../src/due.ts'
import { hostClock, hostScheduler } from '../src/node-ports.ts'
import type { Note } from '../src/ports.ts'
import type { Site } from '../src/site.ts'
import { advance, type Hold, type HoldEvent, unheld } from '../src/state.ts'
import { openBooks } from '../src/store/sqlite.ts'
import { createHost } from '../test/host.ts'
import { grantNumbered } from '../test/mass.ts'
import { orderFor } from '../test/run.ts'

const count = Number(process.argv[2] ?? 100_000)
const mostSeconds = Number(process.argv[3] ?? 120)
const millisPerCall = { quick: 1, usual: 10, slow: 1000 }
type Target = keyof typeof millisPerCall
const targets = Object.keys(millisPerCall) as Target[]

const say = (figure: unknown) => process.stdout.write(`${JSON.stringify(figure)}\n`)
const dir = mkdtempSync(join(tmpdir(), 'expiry-bench-'))
const books = openBooks(join(dir, 'enforcer.db'), new Uint8Array(32))
const host = hostClock()
let skipped = 0
const read = () => {
  const now = host.read()
  return {
    ...now,
    wall: (now.wall + skipped) as Instant,
    bootMillis: now.bootMillis + skipped,
  }
}

const begunAt = new Map<string, number>()
const attempts: Record<Target, number[]> = { quick: [], usual: [], slow: [] }
const told = new Map<string, number>()

function hear({ what, grant, target }: Note): void {
  told.set(`${what} ${grant}`, performance.now())
  const begun = begunAt.get(String(grant))
  if ([...revoked.values()].some((each) => each === grant)) return
  if (what === 'receipt_absent' && begun !== undefined)
    attempts[target as Target].push(performance.now() - begun)
}

/** Knows nothing of a grant but how long every call takes. */
function connectorOf(target: Target): Connector {
  const call = async <T>(value: T) => {
    await pause(millisPerCall[target])
    return value
  }
  return {
    open: async () => {},
    close: async () => {},
    snapshot: () => call(''),
    difference: () => [],
    apply: () => call({ kind: 'applied', credential: { user: 'x', password: 'x' } }),
    reseal: () => call({ user: 'x', password: 'x' }),
    probePresent: () => call(true),
    async end() {
      await call(null)
    },
    async probeAbsent(grant) {
      if (!begunAt.has(grant)) begunAt.set(grant, performance.now())
      return call([{ probe: 'login', absent: true, at: read().wall }])
    },
    async cleanup() {
      await call(null)
    },
    standing: async () => [],
  }
}

const hourMillis = 3_600_000

/** As if it had been accepted and, unless `isNew`, applied. */
function hold(grant: GrantId, target: Target, life: number, isNew = false): void {
  const { bootId, bootMillis, wall } = read()
  const bound = {
    ...{ bootId, bootAtAccept: bootMillis, wallAtAccept: wall },
    ...{ remainingMillis: life, notAfter: (wall + life) as Instant },
  }
  const events: HoldEvent[] = [
    { kind: 'accepted', order: orderFor(grant), bound, before: '' },
    { kind: 'applying' },
    { kind: 'applied', revealId: 'r' },
  ]
  const held = events.slice(0, isNew ? 1 : 3).reduce<Hold>(
    (hold, event) => {
      const next = advance(hold, event)
      if (!next.ok) throw new Error(next.error.code)
      return next.value
    },
    unheld(grant, target),
  )
  books.keepHold(held)
}

const targetOf = (n: number): Target =>
  n % 100 === 0 ? 'slow' : n % 2 === 0 ? 'quick' : 'usual'
const revoked = new Map(targets.map((target, n) => [target, grantNumbered(count + n)]))
const opened = new Map(targets.map((target, n) => [target, grantNumbered(count + 10 + n)]))

books.atomically(() => {
  for (let n = 0; n < count; n++) hold(grantNumbered(n), targetOf(n), hourMillis)
})
skipped += hourMillis
for (const [target, grant] of revoked) hold(grant, target, hourMillis)

const site: Site = {
  ...createHost().boot(),
  ...{ books, clock: { read }, scheduler: hostScheduler, log: hear },
  connectors: new Map(targets.map((target) => [target, connectorOf(target)])),
}
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const start = performance.now()
const due = startDueLoop(site, usualPace, (error) => {
  throw error
})
due.look()
const firstLook = performance.now() - start
await pause(Math.min(20, mostSeconds / 3) * 1000)

const asked = performance.now()
for (const [target, grant] of revoked) beginEnd(site, { grant, target }, 'local_root')
for (const [target, grant] of opened) hold(grant, target, hourMillis, true)
due.look()
const left = () =>
  count - attempts.quick.length - attempts.usual.length - attempts.slow.length
while (left() > 0 && performance.now() - start < mostSeconds * 1000) {
  await pause(10_000)
  process.stderr.write(`${left()} left\n`)
}
const seconds = (performance.now() - start) / 1000

const round = (millis: number | undefined) =>
  millis === undefined ? null : Math.round(millis)
const quantile = (values: readonly number[], q: number) =>
  round(values.toSorted((a, b) => a - b)[Math.floor(values.length * q)])
const since = (what: string, grant: GrantId | undefined) => {
  const at = told.get(`${what} ${grant}`)
  return at === undefined ? null : Math.round(at - asked)
}
say({
  ...{ bench: 'enforcer_expiry', count, seconds: Math.round(seconds), left: left() },
  firstLookMillis: Math.round(firstLook),
  longestBlockMillis: Math.round(delay.max / 1e6),
  rss: Math.round(process.memoryUsage().rss / 2 ** 20),
})
for (const target of targets) {
  const took = attempts[target]
  say({
    ...{ target, millisPerCall: millisPerCall[target], ended: took.length },
    perSecond: Math.round((took.length / seconds) * 10) / 10,
    attempt: { p50: quantile(took, 0.5), p99: quantile(took, 0.99) },
    revokedAfterMillis: since('receipt_absent', revoked.get(target)),
    openedAfterMillis: since('receipt_applied', opened.get(target)),
  })
}
due.stop()
books.close()
rmSync(dir, { recursive: true })
process.exit(0)
