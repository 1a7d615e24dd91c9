/**
 * L-02: a server that starts with very many grants overdue to end. Here the log tells of every one of them, so that the checks
 * at the start, which read and replay all of it, are measured with it.
 *
 *     node packages/server/bench/backlog-bench.ts [COUNT]
 */
import type { GrantEvent, Instant } from '@halligan/core'
import { ok } from '@halligan/core'
import { runDueWork } from '../src/usecases/run-due-work.ts'
import { must, openEstate } from '../test/estate-kit.ts'
import { activeGrant, declareIncident } from '../test/flow-kit.ts'
import { activated, approved, asked, draftOf, grantId } from '../test/story.ts'

const count = Number(process.argv[2] ?? 10_000)
const perTransaction = 200
const estate = await openEstate()
const mib = () => Math.round(process.memoryUsage().rss / 2 ** 20)
const store = () => estate.log.store
const now = estate.deps.clock.now()

/** Active, and due to end at `at` + 60 s. */
const eventsOf = (n: number, at: Instant): readonly GrantEvent[] => {
  const id = grantId(n)
  return [...asked(id, at), ...approved(id, at), ...activated(id, at)]
}

await declareIncident(estate)
await activeGrant(estate)
const seeding = performance.now()
for (let n = 0; n < count; n += perTransaction)
  must(
    await estate.deps.writer.submit<null, never>({
      name: 'seed',
      key: null,
      run: (tx) => {
        for (let i = n; i < Math.min(count, n + perTransaction); i++)
          for (const event of eventsOf(i, now)) tx.append(draftOf(grantId(i), event))
        return ok(null)
      },
    }),
  )
const seeded = performance.now() - seeding
estate.time.pass(3600_000)
const entries = store().view().head().size
const start = performance.now()
await estate.restart()
const ready = performance.now() - start
const first = performance.now()
await runDueWork(estate.deps)
process.stdout.write(
  `${JSON.stringify({
    bench: 'backlog_start',
    count,
    entries,
    seedSeconds: Math.round(seeded / 100) / 10,
    readySeconds: Math.round(ready / 100) / 10,
    microsPerEntry: Math.round((ready * 1000) / entries),
    firstBatchMillis: Math.round(performance.now() - first),
    rss: mib(),
    safeMode: estate.log.safeMode.causes().map(({ cause }) => cause),
  })}\n`,
)
await estate.close()
