import {
  benchMassAcrossTargets,
  benchMassAtPostgres,
  benchResident,
  type MassBench,
} from '../../packages/enforcer/bench/mass-bench.ts'
import { openPostgresLab } from '../../packages/enforcer/test/postgres-lab.ts'
import { type Figure, figure, quantile } from './figure.ts'

const simulatedTargets = 50

/** So many grants whose time is up at one instant, and what an enforcer weighs that holds as many. */
export async function* massFigures(grants: number): AsyncGenerator<Figure> {
  const healthy = await benchMassAcrossTargets(simulatedTargets, grants, false)
  const oneDead = await benchMassAcrossTargets(simulatedTargets, grants, true)
  const targets = { grants, targets: simulatedTargets }
  yield* against(
    'mass_across_targets_one_dead',
    oneDead,
    'all targets alive',
    healthy,
    targets,
  )
  const lab = await openPostgresLab(null)
  try {
    const idle = await benchResident(lab, 0)
    const resident = await benchResident(lab, grants)
    const baseline = { of: 'the same holding none', value: idle }
    yield figure('enforcer_resident_holding', 'MiB', resident, baseline, { grants })
    const one = await benchMassAtPostgres(lab, 1)
    const all = await benchMassAtPostgres(lab, grants)
    yield* against('mass_at_one_postgres', all, 'one grant alone', one, { grants })
  } finally {
    await lab.remove()
  }
}

function* against(
  name: string,
  bench: MassBench,
  of: string,
  base: MassBench,
  detail: Figure['detail'],
): Generator<Figure> {
  for (const moment of ['dueToAttempt', 'dueToAbsent'] as const)
    for (const share of [0.5, 0.99]) {
      const baseline = { of, value: quantile(base[moment], share) }
      const word = `${moment === 'dueToAttempt' ? 'attempt' : 'probed_absent'}_${share === 0.5 ? 'median' : 'p99'}`
      yield figure(
        `${name}_${word}`,
        'ms',
        quantile(bench[moment], share),
        baseline,
        detail,
      )
    }
}
