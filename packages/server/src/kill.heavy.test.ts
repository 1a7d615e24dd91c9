import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isIn } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { benchIn, keyOf, tempFolder, withLog } from '../test/log-kit.ts'
import { nodeClock, nodeScheduler } from './node-ports.ts'
import { compareWithReplay } from './store/replay.ts'

let root: ReturnType<typeof tempFolder>
beforeEach(() => {
  root = tempFolder()
  mkdirSync(join(root.folder, 'data'), { mode: 0o700 })
})
afterEach(() => root.remove())

const child = fileURLToPath(new URL('../test/log-child.ts', import.meta.url))

/** Runs the child until it kills itself, or for `millis`. Returns what it acknowledged: key and index. */
function killed(
  run: number,
  how: Readonly<{ failpoint?: string; millis: number; under?: readonly string[] }>,
): Promise<Map<string, number>> {
  const env = { ...process.env, FAILPOINT: how.failpoint ?? '' }
  const [program = '', ...args] = [...(how.under ?? []), process.execPath, child]
  const running = spawn(program, [...args, root.folder, String(run)], { env })
  const timer = setTimeout(() => running.kill('SIGKILL'), how.millis)
  let said = ''
  let wrong = ''
  running.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  running.stderr.on('data', (chunk: Buffer) => {
    wrong += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    running.on('close', (_, signal) => {
      clearTimeout(timer)
      if (signal !== 'SIGKILL' && how.under === undefined)
        return reject(new Error(`the child ended itself: ${wrong}`))
      const lines = said
        .slice(0, said.lastIndexOf('\n') + 1)
        .split('\n')
        .slice(0, -1)
      resolve(
        new Map(
          lines.map((line) => {
            const [name = '', index = ''] = line.split(' ')
            return [name, Number(index)]
          }),
        ),
      )
    })
  })
}

/** What must hold after any kill: nothing acknowledged is lost, the log verifies, and replay is equal. */
async function check(acknowledged: ReadonlyMap<string, number>): Promise<number> {
  const { options } = benchIn(root.folder, join(root.folder, 'data'))
  const real = { ...options, clock: nodeClock, scheduler: nodeScheduler }
  return withLog(real, async ({ safeMode, store, proveEntry }) => {
    expect(safeMode.causes()).toEqual([])
    expect(compareWithReplay(store.database(), nodeCrypto)).toBeNull()
    const lost = [...acknowledged].filter(
      ([name, index]) =>
        store.resultOf(keyOf(name))?.result !== `{"ok":true,"value":${index}}`,
    )
    expect(lost).toEqual([])
    for (const index of [...acknowledged.values()].slice(-5))
      expect(proveEntry(index).entry).toBeTruthy()
    // K-05: a decision is never without its order and its review.
    for (const grant of store.view().grants({}, null, 100).items) {
      if (!isIn(grant, 'active')) throw new Error(`${grant.id} is ${grant.phase}`)
      expect(grant.targets.every(({ orderDigest }) => orderDigest !== null)).toBe(true)
      expect(grant.review.group).toBe('reviewers')
    }
    return store.view().head().size
  })
}

const rounds = Number(process.env.KILL_ROUNDS ?? 12)

test('K-01 K-02 K-04 kill -9 at random moments loses nothing acknowledged', {
  timeout: rounds * 10_000,
}, async () => {
  const all = new Map<string, number>()
  let size = 0
  for (let run = 0; run < rounds; run++) {
    for (const [name, index] of await killed(run, { millis: 250 + Math.random() * 400 }))
      all.set(name, index)
    const found = await check(all)
    expect(found).toBeGreaterThanOrEqual(size)
    size = found
  }
  expect(all.size).toBeGreaterThan(rounds)
})

const names = [
  'before-batch',
  'in-command',
  'between-entries',
  'after-commit',
  'after-answer',
]

test.each(names.flatMap((name) => [1, 7].map((n) => `${name}:${n}`)))(
  'K-05 kill -9 at %s leaves a batch whole or absent',
  { timeout: 120_000 },
  async (failpoint) => {
    const before = await killed(0, { millis: 300 })
    await check(before)
    const during = await killed(1, { failpoint, millis: 60_000 })
    await check(new Map([...before, ...during]))
  },
)

/** Node's SQLite syncs with fsync, not fdatasync. A child that met the error may end itself: it is asked nothing. */
const hasStrace = spawnSync('strace', ['-V']).status === 0
if (!hasStrace) console.warn('SKIPPED: S-02 needs strace, which is not installed')

test.runIf(hasStrace).each([4, 6, 8, 9, 12])(
  'S-02 a sync that fails with EIO, the %i. of each thread, loses nothing acknowledged',
  { timeout: 60_000 },
  async (n) => {
    const inject = `inject=fsync:error=EIO:when=${n}`
    const quiet = ['-f', '-qqq', '-o', '/dev/null', '-e', 'trace=fsync', '-e', inject]
    const acknowledged = await killed(0, { millis: 1500, under: ['strace', ...quiet] })
    await check(acknowledged)
  },
)
