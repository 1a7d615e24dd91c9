import {
  type BenchTarget,
  benchConnector,
} from '../../packages/enforcer/bench/connector-bench.ts'
import { mariadbTarget } from '../../packages/enforcer/bench/mariadb-target.ts'
import { postgresTarget } from '../../packages/enforcer/bench/postgres-target.ts'
import { openMariadbLab } from '../../packages/enforcer/test/mariadb-lab.ts'
import { openPostgresLab } from '../../packages/enforcer/test/postgres-lab.ts'
import { isInstalled, type RealServerName } from '../real-servers.ts'
import { type Figure, figure, quantile } from './figure.ts'

/** A connector's real server, started for the benchmark and taken down after it. */
type Contender = Readonly<{
  /** What has to be installed; npm brings the others. */
  needs: RealServerName | null
  open(): Promise<Readonly<{ at: BenchTarget; remove(): Promise<void> }>>
}>

const contenders: Readonly<Record<string, Contender>> = {
  postgres: {
    needs: null,
    async open() {
      const lab = await openPostgresLab(null)
      return { at: postgresTarget(lab), remove: () => lab.remove() }
    },
  },
  mariadb: {
    needs: 'MariaDB',
    async open() {
      const lab = await openMariadbLab()
      return { at: mariadbTarget(lab), remove: () => lab.remove() }
    },
  },
}

/** Every connector at its real server, one after the other. Whatever is not installed is said and left out. */
export async function* connectorFigures(
  grants: number,
  say: (words: string) => void,
): AsyncGenerator<Figure> {
  for (const [kind, { needs, open }] of Object.entries(contenders)) {
    if (needs !== null && !isInstalled(needs)) {
      say(`connector ${kind} left out: ${needs} is not installed`)
      continue
    }
    say(`connector ${kind}`)
    const { at, remove } = await open()
    try {
      yield* figuresOf(await benchConnector(at, grants))
    } finally {
      await remove()
    }
  }
}

const shares = [
  ['median', 0.5],
  ['p99', 0.99],
] as const

function* figuresOf(bench: Awaited<ReturnType<typeof benchConnector>>): Generator<Figure> {
  const { kind, grants, bareOpens, bareEnds } = bench
  const all = [
    [
      'decision_to_applied',
      bench.decisionToApplied,
      'opening by the bare client',
      bareOpens,
    ],
    ['due_to_attempt', bench.dueToAttempt, 'ending by the bare client', bareEnds],
    ['due_to_probed_absent', bench.dueToAbsent, 'ending by the bare client', bareEnds],
  ] as const
  for (const [name, millis, of, bare] of all)
    for (const [word, share] of shares) {
      const baseline = { of: `${of}, ${word}`, value: quantile(bare, share) }
      const value = quantile(millis, share)
      yield figure(`${name}_${word}`, 'ms', value, baseline, { connector: kind, grants })
    }
}
