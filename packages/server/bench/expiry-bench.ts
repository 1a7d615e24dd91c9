/**
 * L-01: very many grants that end at one instant, at the real store and writer, while people go on activating.
 *
 *     node packages/server/bench/expiry-bench.ts [COUNT] [SECONDS]
 *
 * stops after SECONDS, if they are given, and says how many ended by then.
 */
import type { Instant } from '@halligan/core'
import { createDuePace } from '../src/usecases/due-pace.ts'
import { runDueWork } from '../src/usecases/run-due-work.ts'
import { createStuckWork } from '../src/usecases/stuck-work.ts'
import { must, openEstate } from '../test/estate-kit.ts'
import {
  absent,
  activate,
  activeGrant,
  applied,
  approve,
  declareIncident,
  report,
  request,
} from '../test/flow-kit.ts'
import { seedCopies } from '../test/mass-expiry.ts'

const count = Number(process.argv[2] ?? 20_000)
const mostSeconds = Number(process.argv[3] ?? Infinity)
const estate = await openEstate()
const say = (figure: unknown) => process.stdout.write(`${JSON.stringify(figure)}\n`)
const mib = () => Math.round(process.memoryUsage().rss / 2 ** 20)

const quantile = (values: readonly number[], q: number) =>
  values.toSorted((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * q))
  ]

await declareIncident(estate)
const model = await activeGrant(estate, { by: 'ada', lifeSeconds: 600 })
const began = performance.now()
seedCopies(estate, model.grant, count)
say({
  bench: 'expiry_seed',
  count,
  millis: Math.round(performance.now() - began),
  rss: mib(),
})

/** One grant of ada's from the request to its end; the time that the activation alone took. */
async function once(): Promise<number> {
  const asked = await request(estate, { by: 'ada' })
  must(await approve(estate, 'bob', asked))
  const start = performance.now()
  must(await activate(estate, 'ada', asked))
  const took = performance.now() - start
  must(await report(estate, asked.grant, applied))
  must(await report(estate, asked.grant, { kind: 'ending', cause: 'local_root' }))
  must(await report(estate, asked.grant, absent))
  return took
}

must(await report(estate, model.grant, { kind: 'ending', cause: 'local_root' }))
must(await report(estate, model.grant, absent))
const idle: number[] = []
for (let i = 0; i < 150; i++) {
  idle.push(await once())
  await new Promise((done) => setTimeout(done, 20))
}

estate.time.pass(600_000)
await declareIncident(estate, 'inc-9')
let sweeping = true
const busy: number[] = []
const people = (async () => {
  while (sweeping) {
    busy.push(await once())
    await new Promise((done) => setTimeout(done, 50))
  }
})()
const cpuBefore = process.cpuUsage()
const cpuMillis = () => {
  const { user, system } = process.cpuUsage(cpuBefore)
  return (user + system) / 1000
}
const start = performance.now()
const [stuck, pace] = [createStuckWork(), createDuePace()]
/** The estate's clock stands still; how long a batch takes is measured by one that runs. */
const running = {
  now: () => (estate.deps.clock.now() + performance.now() - start) as Instant,
}
const dueDeps = { ...estate.deps, clock: running }
let most = 0
let rounds = 0
const left = () =>
  Number(
    estate.log.store
      .database()
      .prepare("SELECT count(*) AS n FROM due WHERE kind = 'time_out' AND at <= ?")
      .get(estate.deps.clock.now())?.n,
  )
for (;;) {
  const { done } = await runDueWork(dueDeps, stuck, pace)
  rounds += 1
  most = Math.max(most, mib())
  if (rounds % 200 === 0)
    process.stderr.write(
      `${left()} left after ${Math.round((performance.now() - start) / 1000)} s, ${mib()} MiB\n`,
    )
  estate.deps.view().nextDue()
  if (done === 0 || performance.now() - start > mostSeconds * 1000) break
  await new Promise((next) => setTimeout(next, 0))
}
const seconds = (performance.now() - start) / 1000
const swept = count - left()
sweeping = false
await people
say({
  bench: 'expiry_sweep',
  count,
  seconds: Math.round(seconds * 10) / 10,
  swept,
  perSecond: Math.round(swept / seconds),
  cpuMillisEach: Math.round((cpuMillis() / swept) * 100) / 100,
  activationIdle: { p50: quantile(idle, 0.5), p99: quantile(idle, 0.99) },
  activationBusy: {
    n: busy.length,
    p50: quantile(busy, 0.5),
    p99: quantile(busy, 0.99),
    max: Math.max(...busy),
  },
  mostRss: most,
})
await estate.close()
