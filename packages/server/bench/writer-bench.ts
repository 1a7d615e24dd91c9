/**
 * How many already-verified entries a second become durable and acknowledged, against raw group-committed
 * appends of the same bytes with fdatasync, in one run on one disk.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ok } from '@halligan/core'
import { digestOfBytes, type EntryDraft, utf8 } from '@halligan/ledger'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import { nodeClock, nodeScheduler } from '../src/node-ports.ts'
import { openLog, type RunningLog } from '../src/open-log.ts'
import type { Command } from '../src/store/port.ts'

export type WriterBench = Readonly<{
  bench: 'writer'
  clients: number
  entryBytes: number
  entriesPerSecond: number
  rawPerSecond: number
  ratio: number
}>

/**
 * Each client has one entry under way at a time. `folder` must be on the disk that is to be measured. The two take
 * turns, because a disk that others use is another disk in the next second; what is returned are medians.
 */
export async function benchWriter(
  options: Readonly<{ clients: number; seconds: number; folder?: string }>,
): Promise<WriterBench> {
  const { clients, seconds } = options
  const root = mkdtempSync(join(options.folder ?? tmpdir(), 'halligan-bench-'))
  const log = await openBenchLog(root)
  try {
    const [entries, raw]: [number[], number[]] = [[], []]
    const append = appender(log)
    for (let turn = 0; turn < turns; turn++) {
      entries.push(await rate(clients, seconds / turns, append))
      const path = join(root, 'raw')
      raw.push(await rawAppends(path, clients, seconds / turns, entryBytesIn(log)))
    }
    const [entriesPerSecond, rawPerSecond] = [median(entries), median(raw)]
    const ratio = Number((entriesPerSecond / rawPerSecond).toFixed(3))
    const entryBytes = entryBytesIn(log)
    return { bench: 'writer', clients, entryBytes, entriesPerSecond, rawPerSecond, ratio }
  } finally {
    await log.close()
    rmSync(root, { recursive: true, force: true })
  }
}

const turns = 5

const median = (values: readonly number[]): number =>
  Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] as number)

/** Makes an entry of 512 bytes, which is a small one: an act with its signature makes one of a kilobyte. */
const paddingLength = 263

function openBenchLog(root: string): Promise<RunningLog> {
  const folder = join(root, 'data')
  mkdirSync(folder, { mode: 0o700 })
  return openLog({
    folder,
    anchorPath: join(root, 'anchor'),
    origin: 'bench.test/log',
    signer: generateSigner().signer,
    crypto: nodeCrypto,
    clock: nodeClock,
    scheduler: nodeScheduler,
  })
}

function entryBytesIn({ store }: RunningLog): number {
  const row = store.database().prepare('SELECT avg(length(bytes)) AS n FROM entries').get()
  return Math.round(Number(row?.n))
}

/** Like the entries of a grant: ten to a subject, each under a key of its own. */
function appender({ writer }: RunningLog): (client: number) => Promise<void> {
  const counts = new Map<number, number>()
  return async (client) => {
    const n = counts.get(client) ?? 0
    counts.set(client, n + 1)
    const name = `${client}-${n}`
    const command: Command<number, never> = {
      name: 'bench',
      key: digestOfBytes(nodeCrypto, utf8(name)),
      run(tx, at) {
        const subject = `target/${client}-${Math.floor(n / 10)}`
        const draft: EntryDraft = { at, kind: 'noted', subject, actor: 'system', padding }
        return ok(tx.append(draft).index)
      },
    }
    const answer = await writer.submit(command)
    if (!answer.ok) throw new Error(answer.error.code)
  }
}

const padding = 'x'.repeat(paddingLength)

/** Whatever waited while the last fdatasync ran is the next write. */
async function rawAppends(
  path: string,
  clients: number,
  seconds: number,
  bytes: number,
): Promise<number> {
  const file = await open(path, 'a')
  const line = Buffer.alloc(bytes, 'x')
  let waiting: (() => void)[] = []
  let flushing = false

  const flush = async () => {
    flushing = true
    while (waiting.length > 0) {
      const now = waiting
      waiting = []
      await file.write(Buffer.concat(now.map(() => line)))
      await file.datasync()
      for (const done of now) done()
    }
    flushing = false
  }
  const append = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (!flushing) setImmediate(() => flushing || flush())
    })
  try {
    return await rate(clients, seconds, append)
  } finally {
    await file.close()
  }
}

async function rate(
  clients: number,
  seconds: number,
  one: (client: number) => Promise<void>,
): Promise<number> {
  const start = performance.now()
  const end = start + seconds * 1000
  let done = 0
  const client = async (id: number) => {
    while (performance.now() < end) {
      await one(id)
      done++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)))
  return (done / (performance.now() - start)) * 1000
}

if (import.meta.main)
  for (const clients of [1, 16, 64])
    console.log(JSON.stringify(await benchWriter({ clients, seconds: 3 })))
