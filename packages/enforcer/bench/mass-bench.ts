/**
 * Many grants whose time is up in the same second: at one real PostgreSQL, and across many simulated targets of which one
 * is dead. And what an enforcer weighs that holds them.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GrantId, Instant } from '@halligan/core'
import { connectFake, createFakeTarget } from '../src/connectors/fake.ts'
import type { Connector } from '../src/connectors/port.ts'
import { roleOf } from '../src/connectors/postgres-role.ts'
import { startDueLoop, usualPace } from '../src/due.ts'
import type { Site } from '../src/site.ts'
import { advance, type Hold, type HoldEvent } from '../src/state.ts'
import type { PostgresLab } from '../test/postgres-lab.ts'
import { accepted, postgresSite } from '../test/postgres-site.ts'
import { noting, numbered } from './connector-bench.ts'

/** Milliseconds after the common deadline, one for each grant. */
export type MassBench = Readonly<{
  dueToAttempt: readonly number[]
  dueToAbsent: readonly number[]
}>

/** With every login made at the target beforehand. */
export async function benchMassAtPostgres(
  lab: PostgresLab,
  grants: number,
): Promise<MassBench> {
  const connector = lab.connector()
  await connector.open()
  const before = await connector.snapshot(lab.target)
  await openAll(lab, grants)
  try {
    return await inFolder(async (dir) => {
      const { connector: noted, ...seen } = noting(connector)
      const { site } = postgresSite(dir, lab.target, noted)
      const due = holdAll(site, lab.target, grants, millisAhead(grants), { before })
      return endAll(site, due, seen)
    })
  } finally {
    await connector.close()
  }
}

/** `dead`: one of the targets answers nothing but a connection's time limit. */
export async function benchMassAcrossTargets(
  targets: number,
  grants: number,
  dead: boolean,
): Promise<MassBench> {
  const fakes = Array.from({ length: targets }, (_, n) => ({
    name: `target-${n}`,
    fake: createFakeTarget(() => Date.now() as Instant),
  }))
  const [first] = fakes
  if (first === undefined) throw new Error('no target')
  return inFolder(async (dir) => {
    const seen = noting(connectFake(first.fake))
    const connectors = new Map(
      fakes.map(({ name, fake }) => {
        const real = noting(connectFake(fake), seen).connector
        return [name, dead && name === first.name ? hanging(real) : real] as const
      }),
    )
    const { site: one } = postgresSite(dir, first.name, seen.connector)
    const site = { ...one, connectors }
    const each = Math.floor(grants / targets)
    const due = new Map<GrantId, number>()
    for (const [n, { name }] of fakes.entries()) {
      const held = holdAll(site, name, each, millisAhead(grants), { first: n * each })
      // What a dead target owes is not what is measured: whether the others are late for it is.
      if (!dead || name !== first.name) for (const [id, at] of held) due.set(id, at)
    }
    return endAll(site, due, seen)
  })
}

/** VmRSS in MiB of an enforcer that holds so many live grants; Linux only. */
export async function benchResident(lab: PostgresLab, grants: number): Promise<number> {
  return inFolder(async (dir) => {
    const connector = lab.connector()
    const { site } = postgresSite(dir, lab.target, connector)
    const before = await connector.snapshot(lab.target)
    holdAll(site, lab.target, grants, 3_600_000, { before })
    site.books.close()
    const program = fileURLToPath(new URL('held-enforcer.ts', import.meta.url))
    const child = spawn(process.execPath, [program, dir, lab.urlFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await new Promise((resolve, reject) => {
        child.stdout.once('data', resolve)
        child.once('error', reject).once('exit', () => reject(new Error('it ended')))
      })
      await pause(2000)
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
    } finally {
      child.kill('SIGKILL')
    }
  })
}

const millisAhead = (grants: number): number => 2000 + grants

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-bench-'))
  try {
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true })
  }
}

/** As the connector would have, with its own rights, but in one transaction: opening is not what is measured. */
const openAll = (lab: PostgresLab, grants: number) =>
  lab.asConnector(async (db) => {
    const names = Array.from({ length: grants }, (_, n) => roleOf(numbered(n)))
    const logins = names.map((name) => `create role ${name} login password 'x'`)
    const some = 500
    for (let at = 0; at < grants; at += some) {
      const members = names.slice(at, at + some).join(', ')
      const grant = `grant payments_repair to ${members} with inherit true, set true`
      await db.query([...logins.slice(at, at + some), grant].join(';'))
    }
  })

/** Applied, by the books; all are due at one instant, which is answered for each. */
function holdAll(
  site: Site,
  target: string,
  grants: number,
  lifeMillis: number,
  { first = 0, before = '[]' } = {},
): ReadonlyMap<GrantId, number> {
  const at = site.clock.read().wall + lifeMillis
  const due = new Map<GrantId, number>()
  site.books.atomically(() => {
    for (let n = first; n < first + grants; n++) {
      const life = at - site.clock.read().wall
      const held = accepted(site, target, numbered(n), life, before)
      const applying = next(held, { kind: 'applying' })
      site.books.keepHold(next(applying, { kind: 'applied', revealId: 'r' }))
      due.set(numbered(n), at)
    }
  })
  return due
}

function next(hold: Hold, event: HoldEvent): Hold {
  const result = advance(hold, event)
  if (!result.ok) throw new Error(result.error.code)
  return result.value
}

async function endAll(
  site: Site,
  due: ReadonlyMap<GrantId, number>,
  { attemptAt, absentAt }: Pick<ReturnType<typeof noting>, 'attemptAt' | 'absentAt'>,
): Promise<MassBench> {
  const loop = startDueLoop(site, usualPace, (error) => {
    throw error
  })
  loop.look()
  const isOver = () => [...due.keys()].every((grant) => absentAt.has(grant))
  while (!isOver()) await pause(100)
  loop.stop()
  await loop.idle()
  site.books.close()
  const since = (when: ReadonlyMap<GrantId, number>) =>
    [...due].map(([grant, at]) => (when.get(grant) ?? Number.NaN) - at)
  return { dueToAttempt: since(attemptAt), dueToAbsent: since(absentAt) }
}

const millisToConnect = 2000

/** A host that drops every packet: each call waits for its time limit. */
function hanging(connector: Connector): Connector {
  const never = async (): Promise<never> => {
    await pause(millisToConnect)
    throw new Error('connection timed out')
  }
  return {
    ...connector,
    ...{ end: never, probeAbsent: never, snapshot: never, cleanup: never },
  }
}
