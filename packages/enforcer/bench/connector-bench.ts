/**
 * What one connector costs at its real server, beside the bare client doing the same statements: from a signed decision to
 * access that stands, and from a grant's end to the first attempt and to probed absence. The enforcer is whole, daemon,
 * verification, books on disk and all; the control plane is in this process, and signs and proves for real.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import { payloadDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { Connector } from '../src/connectors/port.ts'
import { type Daemon, startDaemon, usualDaemonPace } from '../src/daemon.ts'
import type { Site } from '../src/site.ts'
import { holdIn } from '../src/state.ts'
import { createEstate, type Estate, storiesOf } from '../test/estate.ts'
import { guard } from '../test/host.ts'
import { hostClock, postgresSite } from '../test/postgres-site.ts'

export type BenchTarget = Readonly<{
  kind: string
  target: string
  /** That make an account or a rule for each grant alone. */
  privileges: readonly string[]
  /** Not open yet. */
  connector: Connector
  /** The statements of the connector by the bare client: to open an access of its own, then to end it. Milliseconds of each. */
  bare(n: number): Promise<Readonly<{ open: number; end: number }>>
}>

export type ConnectorBench = Readonly<{
  kind: string
  grants: number
  /** In milliseconds, one for each grant. */
  decisionToApplied: readonly number[]
  dueToAttempt: readonly number[]
  dueToAbsent: readonly number[]
  bareOpens: readonly number[]
  bareEnds: readonly number[]
}>

/** No more than four a second: what is measured is how long an ending takes, not how many there may be at once. */
const millisApart = 250

/** The grants are opened one after the other, and come due as far apart as they were opened. */
export async function benchConnector(
  at: BenchTarget,
  grants: number,
): Promise<ConnectorBench> {
  const bare: Awaited<ReturnType<BenchTarget['bare']>>[] = []
  for (let n = 0; n < grants; n++) bare.push(await at.bare(n))
  const dir = await mkdtemp(join(tmpdir(), 'halligan-bench-'))
  try {
    return {
      ...{ kind: at.kind, grants },
      ...(await measure(at, dir, grants)),
      bareOpens: bare.map(({ open }) => open),
      bareEnds: bare.map(({ end }) => end),
    }
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function measure(at: BenchTarget, dir: string, grants: number) {
  const noted = noting(at.connector)
  const estate = estateOf(at)
  const { site: bareSite } = postgresSite(dir, at.target, noted.connector)
  const site: Site = {
    ...bareSite,
    ...{ signer: estate.keys.enforcer, pinned: estate.rosterDigest },
    ...{ controlPlane: estate.controlPlane, guard: guardOf(at) },
  }
  const daemon = await startDaemon(site, usualDaemonPace, (error) => {
    throw error
  })
  const beside = [numbered(grants), numbered(grants + 1)]
  const lifeSeconds = await lifeFor(
    grants,
    beside.map((id) => () => openOne(site, daemon, estate, at, id, 3600)),
  )
  const ids = Array.from({ length: grants }, (_, n) => numbered(n))
  const decisionToApplied: number[] = []
  const due = new Map<GrantId, number>()
  for (const id of ids) {
    const millis = await openOne(site, daemon, estate, at, id, lifeSeconds)
    decisionToApplied.push(millis)
    await pause(Math.max(0, millisApart - millis))
    const hold = site.books.hold(id, at.target)
    if (!holdIn(hold, 'applied')) throw new Error(`${id} is ${hold.phase} before its time`)
    const { notAfter, wallAtAccept, remainingMillis } = hold.bound
    due.set(id, Math.min(notAfter, wallAtAccept + remainingMillis))
  }
  while (!ids.every((id) => noted.absentAt.has(id))) await pause(20)
  await daemon.idle()
  await daemon.stop()
  for (const id of beside) await at.connector.end(id, at.target)
  site.books.close()
  const since = (when: ReadonlyMap<GrantId, number>) =>
    ids.map((id) => (when.get(id) ?? Number.NaN) - (due.get(id) ?? Number.NaN))
  return {
    decisionToApplied,
    dueToAttempt: since(noted.attemptAt),
    dueToAbsent: since(noted.absentAt),
  }
}

/** Long enough that nothing is due before all are open, by what the last of these openings took: the first is slow. */
async function lifeFor(
  grants: number,
  openings: readonly (() => Promise<number>)[],
): Promise<number> {
  let millis = 0
  for (const openOne of openings) millis = await openOne()
  return 5 + Math.ceil((grants * Math.max(millis, millisApart) * 1.5) / 1000)
}

/** Milliseconds from the signed decision until the enforcer has reported the access. */
async function openOne(
  site: Site,
  daemon: Daemon,
  estate: Estate,
  { target, privileges }: BenchTarget,
  grant: GrantId,
  lifeSeconds: number,
): Promise<number> {
  const targets = [{ target, enforcer: site.enforcer, privileges }]
  estate.grant(grant, { terms: { targets, lifeSeconds } })
  const start = performance.now()
  daemon.wake()
  while (!holdIn(site.books.hold(grant, target), 'applied')) {
    const { phase } = site.books.hold(grant, target)
    if (phase === 'refused') throw new Error(`the enforcer refused ${grant}`)
    await pause(1)
  }
  const millis = performance.now() - start
  // Told once: the answers of this control plane are not to grow with every grant.
  storiesOf(estate).length = 0
  return millis
}

type Seen = Readonly<{
  attemptAt: Map<GrantId, number>
  absentAt: Map<GrantId, number>
}>

/** When an ending was first asked for at the target, and when probes after it had all shown absence. */
export function noting(
  connector: Connector,
  { attemptAt, absentAt }: Seen = { attemptAt: new Map(), absentAt: new Map() },
): Seen & Readonly<{ connector: Connector }> {
  const wrapped: Connector = {
    ...connector,
    end(grant, target) {
      if (!attemptAt.has(grant)) attemptAt.set(grant, Date.now())
      return connector.end(grant, target)
    },
    async probeAbsent(grant, target) {
      const probes = await connector.probeAbsent(grant, target)
      const isGone = attemptAt.has(grant) && probes.every(({ absent }) => absent)
      if (isGone && !absentAt.has(grant)) absentAt.set(grant, Date.now())
      return probes
    },
  }
  return { connector: wrapped, attemptAt, absentAt }
}

function estateOf({ target }: BenchTarget): Estate {
  const still = () => undefined
  const clock = { ...hostClock, pass: still, stepWall: still, freezeWall: still }
  const estate = createEstate({ ...clock, reboot: still })
  estate.rosters = []
  const roster = estate.rosterOf(1, (one) => ({
    ...one,
    enforcers: one.enforcers.map((enforcer) => ({ ...enforcer, targets: [target] })),
  }))
  estate.rosters = [roster]
  estate.rosterDigest = payloadDigest(nodeCrypto, roster)
  return estate
}

function guardOf({ target, privileges }: BenchTarget): Site['guard'] {
  const [usual] = Object.values(guard.targets)
  if (usual === undefined) throw new Error('the guard names no target')
  return { ...guard, targets: { [target]: { ...usual, privileges } } }
}

export function numbered(n: number): GrantId {
  const digit = (value: number) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(value % 32)
  return `g-${'a'.repeat(23)}${digit(n >> 10)}${digit(n >> 5)}${digit(n)}` as GrantId
}
