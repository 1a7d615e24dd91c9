import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Grant, isIn } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeAt } from '../../enforcer/test/real-server.ts'
import { compareWithReplay } from '../test/compare-with-replay.ts'
import { benchIn, keyOf, tempFolder, withLog } from '../test/log-kit.ts'
import { nodeClock, nodeScheduler } from './node-ports.ts'
import type { Page, View } from './store/port.ts'

let root: ReturnType<typeof tempFolder>
beforeEach(() => {
  root = tempFolder()
  mkdirSync(join(root.folder, 'data'), { mode: 0o700 })
})
afterEach(() => root.remove())

const child = fileURLToPath(new URL('../test/log-child.ts', import.meta.url))

/**
 * Runs the child until it kills itself, or for `millis` after its first answer, however slow the machine. Returns what
 * it acknowledged: key and index.
 */
function killed(
  run: number,
  how: Readonly<{
    failpoint?: string
    millis: number
    under?: readonly string[]
    unverified?: boolean
  }>,
): Promise<Map<string, number>> {
  const env = {
    ...process.env,
    FAILPOINT: how.failpoint ?? '',
    ...(how.unverified === true ? { UNVERIFIED: '1' } : {}),
  }
  const [program = '', ...args] = [...(how.under ?? []), process.execPath, child]
  // In a group of its own, so that a child under strace dies with it.
  const running = spawn(program, [...args, root.folder, String(run)], {
    env,
    detached: true,
  })
  let late = false
  const kill = () => {
    late = true
    process.kill(-Number(running.pid), 'SIGKILL')
  }
  const timers = [setTimeout(kill, 30_000)]
  let said = ''
  let wrong = ''
  running.stdout.on('data', (chunk: Buffer) => {
    if (said === '') timers.push(setTimeout(kill, how.millis))
    said += chunk.toString()
  })
  running.stderr.on('data', (chunk: Buffer) => {
    wrong += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    running.on('close', (_, signal) => {
      timers.forEach(clearTimeout)
      if (signal !== 'SIGKILL' && how.under === undefined)
        return reject(new Error(`the child ended itself: ${wrong}`))
      if (late && how.failpoint !== undefined)
        return reject(new Error(`${how.failpoint} was never met`))
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

function* allGrants(view: View): Generator<Grant> {
  let after: string | null = null
  do {
    const page: Page<Grant> = view.grants({}, after, 100)
    yield* page.items
    after = page.next
  } while (after !== null)
}

/** What must hold after any kill: nothing acknowledged is lost, the log verifies, and replay is equal. */
async function check(acknowledged: ReadonlyMap<string, number>): Promise<number> {
  const { options } = benchIn(root.folder, join(root.folder, 'data'))
  const real = { ...options, clock: nodeClock, scheduler: nodeScheduler }
  // However much a fast machine has written: all of it is verified before anything is asked.
  const whole = { ...real, mostVerifiedFirst: Number.POSITIVE_INFINITY }
  return withLog(whole, async ({ safeMode, store, proveEntry }) => {
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
    for (const grant of allGrants(store.view())) {
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
    for (const [name, index] of await killed(run, { millis: Math.random() * 400 }))
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
  'K-04 K-05 kill -9 at %s leaves a batch whole or absent',
  { timeout: 120_000 },
  async (failpoint) => {
    const before = await killed(0, { millis: 100 })
    await check(before)
    const during = await killed(1, { failpoint, millis: 20_000 })
    await check(new Map([...before, ...during]))
  },
)

test('K-01 K-02 the same commands after a kill get the answers they got before it', {
  timeout: 60_000,
}, async () => {
  const before = await killed(0, { millis: 200 })
  const again = await killed(0, { millis: 1500 })
  const both = [...before].filter(([name]) => again.has(name))
  expect(both.length).toBeGreaterThan(8)
  expect(both.filter(([name, index]) => again.get(name) !== index)).toEqual([])
  await check(new Map([...before, ...again]))
})

/**
 * Runs the child with a fault in its system calls, and says which commands it acknowledged. Throws when the fault was
 * never met. A child that met an error may end itself: it is asked nothing more.
 */
async function injured(call: string, fault: string, millis: number) {
  const trace = join(root.folder, 'trace')
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}`]
  const under = ['strace', '-f', '-qqq', '-o', trace, ...inject]
  const acknowledged = await killed(0, { millis, under })
  if (!/\((INJECTED|DELAYED)\)$/m.test(readFileSync(trace, 'utf8')))
    throw new Error(`the fault was never met: ${call}:${fault}`)
  return acknowledged
}

describeAt('strace', () => {
  /** Node's SQLite syncs with fsync, not fdatasync. */
  test.each([4, 6, 8, 9, 12])(
    'S-02 a sync that fails with EIO, the %i. of each thread, loses nothing acknowledged',
    { timeout: 60_000 },
    async (n) => {
      await check(await injured('fsync', `error=EIO:when=${n}`, 1500))
    },
  )

  test.each([
    ['S-01 a disk that is full', 'ENOSPC', 400],
    ['S-07 a disk that has become read-only', 'EROFS', 400],
    ['S-07 a disk that is taken away', 'EACCES', 900],
  ])(
    '%s loses nothing acknowledged, and all goes on once it is mended',
    { timeout: 60_000 },
    async (_, error, n) => {
      const acknowledged = await injured('pwrite64', `error=${error}:when=${n}+`, 3000)
      const size = await check(acknowledged)
      const after = await killed(1, { millis: 200 })
      expect(after.size).toBeGreaterThan(0)
      const all = new Map([...acknowledged, ...after])
      expect(await check(all)).toBeGreaterThan(size)
    },
  )

  test('S-08 a sync that takes five seconds holds answers back, and asking again opens nothing twice', {
    timeout: 60_000,
  }, async () => {
    const slow = 'delay_exit=5000000:when=40'
    const before = await injured('fsync', slow, 3000)
    await check(before)
    const again = await killed(0, { millis: 2500 })
    for (const [name, index] of before)
      expect([name, again.get(name)]).toEqual([name, index])
    await check(again)
  })
})

test('K-04 L-02 kill -9 amid the check of a long log: nothing acknowledged is lost, and the next start checks anew', {
  timeout: 120_000,
}, async () => {
  const all = new Map(await killed(0, { millis: 1500 }))
  const isAmid = async () => {
    const { options } = benchIn(root.folder, join(root.folder, 'data'))
    return withLog(options, async ({ store }) => {
      const kinds = store
        .view()
        .entriesOf('log')
        .map(({ entry }) => entry.kind)
      return kinds.findLast((kind) => kind.startsWith('safe_mode')) === 'safe_mode_entered'
    })
  }
  for (const [run, n] of [8, 15, 30].entries()) {
    const failpoint = `before-batch:${n}`
    const during = await killed(run + 1, { failpoint, millis: 60_000, unverified: true })
    expect(await isAmid()).toBe(true)
    for (const [name, index] of during) all.set(name, index)
    await check(all)
  }
  expect(all.size).toBeGreaterThan(100)
  const { options } = benchIn(root.folder, join(root.folder, 'data'))
  const real = { ...options, clock: nodeClock, scheduler: nodeScheduler }
  await withLog({ ...real, mostVerifiedFirst: 0 }, async ({ safeMode }) =>
    expect.poll(() => safeMode.causes(), { timeout: 60_000 }).toEqual([]),
  )
})
