/**
 * `npm run bench`: prints each figure as one line of JSON, beside a baseline of the same run; words go to standard
 * error. Nothing is asserted. docs/benchmarks.md says what the figures mean.
 *
 * `--help` says how it is called.
 *
 * @module
 */
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { benchRevoke } from '../packages/enforcer/bench/revoke-bench.ts'
import {
  openPostgresLab,
  type PostgresLab,
} from '../packages/enforcer/test/postgres-lab.ts'
import { benchRuling } from '../packages/policy/bench/ruling-bench.ts'
import { benchGrants, benchIncidents } from '../packages/server/bench/acts-bench.ts'
import { benchProcesses, type Program } from '../packages/server/bench/process-bench.ts'
import { benchWriter } from '../packages/server/bench/writer-bench.ts'
import { bareEnds } from './bench/bare-ends.ts'
import { connectorFigures } from './bench/connectors.ts'
import { type Figure, figure, median, quantile } from './bench/figure.ts'
import { massFigures } from './bench/mass.ts'
import { leaveWithTheReader, understood, WrongUsage } from './usage.ts'

type Size = Readonly<{
  clients: readonly number[]
  secondsEach: number
  incidents: number
  grantActs: number
  rulings: number
  starts: number
  ends: number
  overMillis: number
  perConnector: number
  mass: number
}>

const whole: Size = {
  clients: [1, 16, 64],
  secondsEach: 3,
  incidents: 4000,
  grantActs: 1500,
  rulings: 1000,
  starts: 5,
  ends: 200,
  overMillis: 20_000,
  perConnector: 200,
  mass: 10_000,
}

const short: Size = {
  clients: [1, 64],
  secondsEach: 1,
  incidents: 640,
  grantActs: 150,
  rulings: 100,
  starts: 1,
  ends: 20,
  overMillis: 1000,
  perConnector: 20,
  mass: 300,
}

/** In the order in which they are measured. */
const parts: Readonly<Record<string, (size: Size) => AsyncGenerator<Figure>>> = {
  async *entries(size) {
    for (const clients of size.clients) yield await entries(clients, size.secondsEach)
  },
  async *acts(size) {
    yield acts(await benchIncidents(64, size.incidents))
    yield acts(await benchGrants(size.grantActs))
  },
  async *rulings(size) {
    yield* rulings(size.rulings)
  },
  async *processes(size) {
    const bench = ({ urlFile }: PostgresLab) => benchProcesses(size.starts, urlFile)
    yield* processes(await atPostgres(bench))
  },
  async *ends(size) {
    yield* ends(size, await atPostgres((lab) => bareEnds(lab, size.ends)))
  },
  connectors: (size) => connectorFigures(size.perConnector, say),
  mass: (size) => massFigures(size.mass),
}

async function* figures(size: Size, only: readonly string[]): AsyncGenerator<Figure> {
  for (const [name, part] of Object.entries(parts)) {
    if (only.length > 0 && !only.includes(name)) continue
    say(name)
    yield* part(size)
  }
}

async function atPostgres<T>(work: (lab: PostgresLab) => Promise<T>): Promise<T> {
  const lab = await openPostgresLab(null)
  try {
    return await work(lab)
  } finally {
    await lab.remove()
  }
}

async function entries(clients: number, seconds: number): Promise<Figure> {
  const { entriesPerSecond, rawPerSecond, entryBytes } = await benchWriter({
    clients,
    seconds,
  })
  const baseline = { of: 'raw group-committed appends', value: rawPerSecond }
  return figure('entries_acknowledged', '1/s', entriesPerSecond, baseline, {
    clients,
    entryBytes,
  })
}

function acts(bench: Awaited<ReturnType<typeof benchGrants>>): Figure {
  const { actsPerSecond, verifiesPerSecond, ...detail } = bench
  const baseline = { of: 'bare Ed25519 verifies', value: verifiesPerSecond }
  return figure('acts_acknowledged', '1/s', actsPerSecond, baseline, detail)
}

function* rulings(rounds: number): Generator<Figure> {
  const { bare, rule, routes, explain, closed } = benchRuling(rounds)
  const baseline = { of: 'one bare cedar-wasm call', value: bare }
  yield figure('ruling', 'us', rule, baseline, { routes, rounds })
  yield figure('ruling_explained', 'us', explain, baseline, { closed, rounds })
}

function* processes(bench: Awaited<ReturnType<typeof benchProcesses>>): Generator<Figure> {
  const against = (
    name: string,
    unit: Figure['unit'],
    values: Readonly<Record<Program, readonly number[]>>,
    detail: Figure['detail'] = {},
  ) =>
    (['server', 'enforcer'] as const).map((program) =>
      figure(
        `${program}_${name}`,
        unit,
        median(values[program]),
        { of: 'a bare Node listener', value: median(values.node) },
        { starts: values[program].length, ...detail },
      ),
    )
  yield* against('ready', 'ms', bench.cold, { compileCache: false })
  yield* against('ready', 'ms', bench.cached, { compileCache: true })
  if (bench.resident.node.length > 0) yield* against('resident', 'MiB', bench.resident)
  else say('resident memory is only known where there is /proc')
}

async function* ends(
  { ends: grants, overMillis }: Size,
  byHand: readonly number[],
): AsyncGenerator<Figure> {
  const found = await benchRevoke({ grants, overMillis, print: () => undefined })
  const shares = [
    ['median', 0.5],
    ['p99', 0.99],
  ] as const
  for (const bench of found)
    for (const [name, share] of shares) {
      const baseline = {
        of: `ending a login by hand, ${name}`,
        value: quantile(byHand, share),
      }
      const detail = { grants: bench.grants, overMillis: bench.overMillis }
      yield figure(`${bench.bench}_${name}`, 'ms', bench[name], baseline, detail)
    }
}

const say = (words: string) => process.stderr.write(`${words}\n`)

/** Everything lies in one folder below, which is gone when this process is, whichever way it went. */
function inOneFolder(parent: string): void {
  const folder = mkdtempSync(join(resolve(parent), 'halligan-bench-'))
  // As root, PostgreSQL runs as nobody and must get through.
  chmodSync(folder, 0o711)
  process.env.TMPDIR = folder
  process.on('exit', () =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(1))
  if (statfsSync(folder).type === tmpfs)
    say(`${parent} is in memory: name a folder on a disk with --folder`)
}

/** TMPFS_MAGIC of linux/magic.h. */
const tmpfs = 0x01021994

const usage = `Usage: npm run bench -- [--short] [--only PART]... [--folder DIR]
Parts: ${Object.keys(parts).join(' ')}`

leaveWithTheReader()
const asked = understood(usage, () => {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      folder: { type: 'string', default: tmpdir() },
    },
  })
  const unknown = values.only.find((name) => !Object.hasOwn(parts, name))
  if (unknown !== undefined) throw new WrongUsage(`there is no part ${unknown}`)
  return values
})
inOneFolder(asked.folder)
for await (const one of figures(asked.short ? short : whole, asked.only))
  console.log(JSON.stringify(one))
