import type { FaultName } from './faults.ts'
import { type Outcome, type Plan, simulate } from './simulate.ts'
import { Violation } from './tally.ts'

/** What is left of a plan that still breaks the same invariant: it ends sooner, and has fewer faults. */
export async function shrink(plan: Plan, { violation, ...first }: Outcome): Promise<Plan> {
  const stillBreaks = async (smaller: Plan) => {
    const again = (await simulate(smaller)).violation
    if (!(again instanceof Violation) || !(violation instanceof Violation))
      return again?.message === violation?.message
    return again.invariant === violation.invariant
  }
  let best: Plan = { ...plan, faults: first.faults }
  const sooner = {
    ...best,
    busySeconds: Math.min(plan.busySeconds, first.simulatedSeconds),
  }
  if (await stillBreaks(sooner)) best = sooner
  for (const name of first.faults) {
    const faults: readonly FaultName[] = (best.faults ?? []).filter((each) => each !== name)
    const without = { ...best, faults }
    if (await stillBreaks(without)) best = without
  }
  return best
}
