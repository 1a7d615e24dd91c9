/**
 * `npm run simulate`: the whole estate in one process, many times over, with everything going wrong. docs/simulation.md says
 * what is simulated and what a failure tells.
 *
 * `--help` says how it is called.
 *
 * Exits with 1 when an invariant was broken, or when something that has to happen never did.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { type FaultName, faultNames } from './simulation/faults.ts'
import { shrink } from './simulation/shrink.ts'
import {
  type Outcome,
  type Plan,
  simulate,
  usualBusySeconds,
} from './simulation/simulate.ts'
import { neverHappened, type Sum, sumOf } from './simulation/sometimes.ts'
import { leaveWithTheReader, understood, WrongUsage } from './usage.ts'

const usage = `Usage: npm run simulate -- [--seeds N] [--from FIRST] [--busy SECONDS] [--faults NAME,NAME]
       npm run simulate -- --seed SEED [--busy SECONDS] [--faults NAME,NAME] [--history]
Faults: ${faultNames.join(' ')}`

/** From so many on, everything that can happen has to have happened. */
const enoughSeeds = 20

const say = (line: string) => void process.stdout.write(`${line}\n`)

const whole = (name: string, text: string): number => {
  if (!/^[1-9][0-9]{0,6}$/.test(text))
    throw new WrongUsage(`--${name} is a whole number over 0`)
  return Number(text)
}

const isFault = (name: string): name is FaultName =>
  (faultNames as readonly string[]).includes(name)

function faultsIn(text: string | undefined): readonly FaultName[] | null {
  if (text === undefined) return null
  const names = text.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !isFault(name))
  if (unknown !== undefined) throw new WrongUsage(`${unknown} is no fault`)
  return names.filter(isFault)
}

export type Asked = Readonly<{
  plans: readonly Plan[]
  /** `--seed`: the one plan is a failure that is run again. */
  isReplay: boolean
}>

/** What is asked for by the words after the program's name. Throws {@link WrongUsage}, or what `parseArgs` throws. */
export function asked(args: readonly string[]): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '50' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      busy: { type: 'string', default: String(usualBusySeconds) },
      faults: { type: 'string' },
      history: { type: 'boolean', default: false },
    },
  })
  const first = whole('from', values.from)
  const many = Array.from(
    { length: whole('seeds', values.seeds) },
    (_, i) => `${first + i}`,
  )
  const plans = (values.seed === undefined ? many : [values.seed]).map((seed) => ({
    seed,
    busySeconds: whole('busy', values.busy),
    faults: faultsIn(values.faults),
    ...(values.history ? { show: say } : {}),
  }))
  return { plans, isReplay: values.seed !== undefined }
}

const commandFor = ({ seed, busySeconds, faults }: Plan): string =>
  [
    `npm run simulate -- --seed ${seed}`,
    ...(busySeconds === usualBusySeconds ? [] : [`--busy ${busySeconds}`]),
    ...(faults === null ? [] : [`--faults=${faults.join(',')}`]),
  ].join(' ')

const count = ({ tally }: Outcome, what: string) => tally.counts.get(what) ?? 0

function tellOne(outcome: Outcome): void {
  const opened = count(outcome, 'access opened at a target')
  const faults = [...outcome.tally.counts].filter(([what]) =>
    what.startsWith('fault begun'),
  )
  const begun = faults.reduce((sum, [, times]) => sum + times, 0)
  const verdict = outcome.violation === null ? 'ok' : outcome.violation.message
  say(
    `seed ${outcome.seed}: ${outcome.events} events, ${begun} faults, ${opened} accesses opened, history ${outcome.digest.slice(0, 16)}: ${verdict}`,
  )
}

/** Unless it is a replay, a smaller plan that breaks the same is looked for too. */
async function tellFailure(plan: Plan, outcome: Outcome, isReplay: boolean): Promise<void> {
  say('\nThe last that happened:')
  for (const line of outcome.tally.tail()) say(`  ${line}`)
  say(`\nReplay: ${commandFor(plan)}`)
  if (!isReplay)
    say(`Smaller: ${commandFor(await shrink({ ...plan, show: () => {} }, outcome))}\n`)
}

function tellSum({ events, counts, checks }: Sum, seeds: number, millis: number): void {
  const of = (what: string) => counts.get(what) ?? 0
  const listed = (prefix: string) =>
    [...counts]
      .filter(([what]) => what.startsWith(prefix))
      .sort()
      .map(([what, times]) => `  ${times} × ${what.slice(prefix.length)}`)
  say(
    `\n${seeds} seeds, ${events} events, ${of('access opened at a target')} accesses opened and ${of('access ended at a target')} ended, ${Math.round(millis / 1000)} s`,
  )
  say('faults as they took effect:')
  for (const line of listed('fault: ')) say(line)
  say('invariants, and how often each was checked:')
  const sorted = [...checks].sort(([one], [other]) => one - other)
  say(`  ${sorted.map(([which, times]) => `INV-${which} ${times}`).join(', ')}`)
}

/** Whether all went well: no invariant was broken, and all that has to happen did. */
export async function run({ plans, isReplay }: Asked): Promise<boolean> {
  const began = performance.now()
  const outcomes: Outcome[] = []
  for (const plan of plans) {
    const outcome = await simulate(plan)
    outcomes.push(outcome)
    tellOne(outcome)
    if (outcome.violation !== null) await tellFailure(plan, outcome, isReplay)
  }
  const sum = sumOf(outcomes)
  tellSum(sum, plans.length, performance.now() - began)
  const missing = plans.length >= enoughSeeds ? neverHappened(sum) : []
  for (const what of missing) say(`never happened: ${what}`)
  return missing.length === 0 && outcomes.every(({ violation }) => violation === null)
}

if (import.meta.main) {
  leaveWithTheReader()
  const isWell = await run(understood(usage, () => asked(process.argv.slice(2))))
  process.exitCode = isWell ? 0 : 1
}
