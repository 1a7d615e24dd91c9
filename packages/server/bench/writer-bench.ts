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
import { digestOfBytes, type EntryDraft } from '@halligan/ledger'
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

/** Each client has one entry under way at a time. `folder` must be on the disk that is to be measured. */
export async function benchWriter(
  options: Readonly<{ clients: number; seconds: number; folder?: string }>,
): Promise<WriterBench> {
  const { clients, seconds } = options
  const root = mkdtempSync(join(options.folder ?? tmpdir(), 'halligan-bench-'))
  try {
    const raw = await rawAppends(join(root, 'raw'), clients, seconds / 2)
    const { perSecond, bytes } = await logAppends(root, clients, seconds)
    const rawAgain = await rawAppends(join(root, 'raw'), clients, seconds / 2)
    const rawPerSecond = Math.round((raw + rawAgain) / 2)
    return {
      bench: 'writer',
      clients,
      entryBytes: bytes,
      entriesPerSecond: Math.round(perSecond),
      rawPerSecond,
      ratio: Number((perSecond / rawPerSecond).toFixed(3)),
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const paddingLength = 200

async function logAppends(root: string, clients: number, seconds: number) {
  const folder = join(root, 'data')
  mkdirSync(folder, { mode: 0o700 })
  const log = await openLog({
    folder,
    anchorPath: join(root, 'anchor'),
    origin: 'bench.test/log',
    signer: generateSigner().signer,
    crypto: nodeCrypto,
    clock: nodeClock,
    scheduler: nodeScheduler,
  })
  try {
    const perSecond = await rate(clients, seconds, (client, n) => appendOne(log, client, n))
    const { size } = log.writer.frontier().head
    const row = log.store.database().prepare('SELECT sum(length(bytes)) AS n FROM entries')
    return { perSecond, bytes: Math.round(Number(row.get()?.n) / size) }
  } finally {
    await log.close()
  }
}

/** Like the entries of a grant: ten to a subject, each under a key of its own. */
async function appendOne({ writer }: RunningLog, client: number, n: number): Promise<void> {
  const name = `${client}-${n}`
  const command: Command<number, never> = {
    name: 'bench',
    key: digestOfBytes(nodeCrypto, new TextEncoder().encode(name)),
    run(tx, at) {
      const draft: EntryDraft = {
        at,
        kind: 'noted',
        subject: `target/${client}-${Math.floor(n / 10)}`,
        actor: 'system',
        padding,
      }
      return ok(tx.append(draft).index)
    },
  }
  const answer = await writer.submit(command)
  if (!answer.ok) throw new Error(answer.error.code)
}

const padding = 'x'.repeat(paddingLength)

/** Whatever waited while the last fdatasync ran is the next write. */
async function rawAppends(path: string, clients: number, seconds: number): Promise<number> {
  const file = await open(path, 'a')
  const line = Buffer.alloc(490, 'x')
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
  one: (client: number, n: number) => Promise<void>,
): Promise<number> {
  const start = performance.now()
  const end = start + seconds * 1000
  let done = 0
  const client = async (id: number) => {
    for (let n = 0; performance.now() < end; n++) {
      await one(id, n)
      done++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)))
  return (done / (performance.now() - start)) * 1000
}

if (import.meta.main)
  for (const clients of [1, 16, 64])
    console.log(JSON.stringify(await benchWriter({ clients, seconds: 3 })))
