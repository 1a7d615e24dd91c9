/**
 * How long after its deadline a grant is acted on, and proven gone, by the enforcer's own due loop at a real PostgreSQL,
 * with each grantee inside in a session after SET ROLE and no control plane at all.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId } from '@halligan/core'
import type { Connector } from '../src/connectors/port.ts'
import { grantOf } from '../src/connectors/postgres-role.ts'
import { startDueLoop, usualPace } from '../src/due.ts'
import { openPostgresLab, type PostgresLab } from '../test/postgres-lab.ts'
import { accepted, postgresSite } from '../test/postgres-site.ts'

export type RevokeBench = Readonly<{
  bench: string
  unit: 'ms'
  grants: number
  overMillis: number
  median: number
  p99: number
}>

export type RevokeBenchOptions = Readonly<{
  grants?: number
  /** The deadlines lie this far apart, first to last: 0 makes all of them due at one instant. */
  overMillis?: number
  print?: (line: string) => void
}>

/** Prints one JSON line per figure, and answers them. */
export async function benchRevoke({
  grants = 200,
  overMillis = 20_000,
  print = console.log,
}: RevokeBenchOptions = {}): Promise<readonly RevokeBench[]> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-bench-'))
  const lab = await openPostgresLab(null)
  try {
    const { attempts, absences } = await measure(lab, dir, grants, overMillis)
    const figures = [
      figure('due_to_attempt', attempts, overMillis),
      figure('due_to_probed_absent', absences, overMillis),
    ]
    for (const each of figures) print(JSON.stringify(each))
    return figures
  } finally {
    await lab.remove()
    await rm(dir, { recursive: true })
  }
}

async function measure(lab: PostgresLab, dir: string, grants: number, overMillis: number) {
  const absentAt = new Map<GrantId, number>()
  const connector = lab.connector()
  await connector.open()
  const { site, credentials } = postgresSite(dir, lab.target, noting(connector, absentAt))
  const before = await connector.snapshot(lab.target)
  const loop = startDueLoop(site, usualPace, (error) => {
    throw error
  })
  const due = new Map<GrantId, number>()
  // Long enough to open all of them before the first is due.
  const firstDue = 10_000 + grants * 60
  const start = Date.now()
  const ids = Array.from({ length: grants }, (_, i) => grantNumber(i))
  for (const [i, grant] of ids.entries()) {
    const at = start + firstDue + Math.round((overMillis * i) / Math.max(grants - 1, 1))
    due.set(grant, at)
    accepted(site, lab.target, grant, at - Date.now(), before)
  }
  loop.look()
  const opened = () => ids.every((grant) => credentials.has(grant))
  while (!opened()) await pause(20)
  const sessions = await sessionsIn(lab, ids.slice(0, 20), credentials)

  while (absentAt.size < grants) await pause(50)
  await loop.idle()
  loop.stop()
  for (const session of sessions) await session.end().catch(() => undefined)
  await connector.close()
  site.books.close()
  const since = (at: ReadonlyMap<GrantId, number>) =>
    ids.map((grant) => (at.get(grant) ?? Number.NaN) - (due.get(grant) ?? Number.NaN))
  return { attempts: since(await attemptsIn(lab)), absences: since(absentAt) }
}

/** PostgreSQL has 50 connections here: as many grantees as it seats are inside, as the granted role. */
const sessionsIn = (
  lab: PostgresLab,
  grants: readonly GrantId[],
  credentials: ReadonlyMap<string, Parameters<PostgresLab['login']>[0]>,
) =>
  Promise.all(
    grants.map(async (grant) => {
      const db = await lab.login(credentials.get(grant) ?? {})
      await db.query('set role payments_repair')
      return db
    }),
  )

/** When probes after an ending have all shown absence. */
const noting = (connector: Connector, absentAt: Map<GrantId, number>): Connector => {
  const asked = new Set<GrantId>()
  return {
    ...connector,
    end: (grant, target) => {
      asked.add(grant)
      return connector.end(grant, target)
    },
    probeAbsent: async (grant, target) => {
      const probes = await connector.probeAbsent(grant, target)
      const isGone = asked.has(grant) && probes.every(({ absent }) => absent)
      if (isGone && !absentAt.has(grant)) absentAt.set(grant, Date.now())
      return probes
    },
  }
}

/** When the target itself was first told to lock each login out, by its own log of statements. */
async function attemptsIn(lab: PostgresLab): Promise<ReadonlyMap<GrantId, number>> {
  const attemptedAt = new Map<GrantId, number>()
  for (const line of (await lab.log()).split('\n')) {
    const [, at, statement] =
      /^([-0-9]+ [0-9:.]+) UTC .*?statement: (alter .*)$/.exec(line) ?? []
    for (const [, role = ''] of statement?.matchAll(/"(\w+)" nologin/g) ?? []) {
      const grant = grantOf(role)
      if (grant !== null && !attemptedAt.has(grant))
        attemptedAt.set(grant, Date.parse(`${at}Z`))
    }
  }
  return attemptedAt
}

const grantNumber = (n: number): GrantId => {
  const digit = (value: number) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(value % 32)
  return `g-${'a'.repeat(23)}${digit(n >> 10)}${digit(n >> 5)}${digit(n)}` as GrantId
}

function figure(name: string, millis: readonly number[], overMillis: number): RevokeBench {
  const sorted = millis.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  const shape = { bench: name, unit: 'ms', grants: millis.length, overMillis } as const
  return { ...shape, median: at(0.5), p99: at(0.99) }
}

if (import.meta.main) {
  const [grants = '200', overMillis = '20000'] = process.argv.slice(2)
  await benchRevoke({ grants: Number(grants), overMillis: Number(overMillis) })
}
