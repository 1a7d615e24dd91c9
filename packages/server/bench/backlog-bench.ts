/**
 * L-02: a server that starts with a long log and very many grants overdue to end. The log is written first, by the real writer
 * in big transactions; then another process starts a server on it and works it off, while ends are submitted one after another.
 *
 *     node packages/server/bench/backlog-bench.ts [ENTRIES] [FOLDER]
 *
 * A FOLDER is kept, and used again as it is when there is a log in it. By parts: `write FOLDER ENTRIES`, then `start FOLDER` or,
 * with nothing worked off, `quiet FOLDER`. SIGTERM asks for the figures so far.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GrantEvent, Instant } from '@halligan/core'
import { ok } from '@halligan/core'
import { addSignature } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { loadBundle } from '@halligan/policy'
import { acceptGenesis, enterGenesis, genesisRoster } from '../src/genesis.ts'
import { createLog } from '../src/http/log.ts'
import { type Instance, openInstance } from '../src/instance.ts'
import { createNet, nodeClock, nodeRandom, nodeScheduler } from '../src/node-ports.ts'
import { openLog, type RunningLog } from '../src/open-log.ts'
import { exampleFiles, founders, must, names, signerOf } from '../test/estate-kit.ts'
import { logSigner, note, origin, tempFolder } from '../test/log-kit.ts'
import {
  activated,
  applied,
  approved,
  asked,
  draftOf,
  grantId,
  reported,
} from '../test/story.ts'

const grantsPerTransaction = 500
const endPauseMillis = 25
const self = fileURLToPath(import.meta.url)
const dataIn = (folder: string) => join(folder, 'data')
const anchorIn = (folder: string) => join(folder, 'anchor')
const ports = {
  crypto: nodeCrypto,
  clock: nodeClock,
  random: nodeRandom,
  scheduler: nodeScheduler,
}
const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
const seconds = (millis: number) => Math.round(millis / 100) / 10

/** Active and applied, and due to end 60 s after `at`. */
function eventsOf(n: number, at: Instant): readonly GrantEvent[] {
  const id = grantId(n)
  return [
    ...asked(id, at),
    ...approved(id, at),
    ...activated(id, at),
    reported(id, at, n + 1, applied),
  ]
}

/** A log of about so many entries. */
async function write(folder: string, entries: number): Promise<void> {
  mkdirSync(dataIn(folder), { recursive: true, mode: 0o700 })
  const log = await openLog({
    ...{ folder: dataIn(folder), anchorPath: anchorIn(folder), origin, signer: logSigner },
    ...ports,
  })
  const signers = { log: logSigner, issuer: signerOf('issuer') }
  const at = (nodeClock.now() - 3600_000) as Instant
  const roster = genesisRoster(nodeCrypto, { ...founders(names), origin }, signers, at)
  const signed = addSignature(addSignature(roster, signerOf('bob')), signerOf('cy'))
  const genesis = must(acceptGenesis(nodeCrypto, signed, signers))
  const bundle = loadBundle(nodeCrypto, exampleFiles)
  if (!bundle.ok) throw new Error(JSON.stringify(bundle.error))
  const append = (name: string, run: Parameters<typeof note>[1]) =>
    log.writer.submit(note(name, { key: null, ...run })).then(must)
  await append('genesis', {
    run(tx, now) {
      enterGenesis(tx, genesis, bundle.value, now)
      return ok(0)
    },
  })
  for (let n = 0; log.store.view().head().size < entries; n += grantsPerTransaction)
    await append('seed', {
      run(tx) {
        for (let i = n; i < n + grantsPerTransaction; i++)
          for (const event of eventsOf(i, at)) tx.append(draftOf(grantId(i), event))
        return ok(0)
      },
    })
  await log.close()
}

const limits = { burst: 1e6, perMinute: 1e6 }

const openServer = (folder: string): Promise<Instance> =>
  openInstance({
    config: {
      ...{ dir: dataIn(folder), anchor: anchorIn(folder), host: '127.0.0.1', port: 0 },
      ...{ url: 'http://server', tls: null, logLevel: 'warn', noticeUrl: null },
      ...{ noticePrivate: false, routes: [] },
      limits: {
        ...{ session: limits, prepare: limits, whatIf: limits, address: limits },
        maxConnections: 1000,
      },
    },
    keys: {
      ...{ log: logSigner, issuer: signerOf('issuer'), mac: new Uint8Array(32).fill(5) },
      incidentSecret: `whsec_${Buffer.alloc(32, 6).toString('base64')}`,
      noticeSecret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    },
    ...{ origin, ...ports, netTo: createNet, log: createLog('warn') },
    leaveSafeMode: async () => {
      throw new Error('nobody closes a log here')
    },
  })

/** Ends, one after another, until `isOver`. Returns how many milliseconds each of them waited, sorted. */
async function submitEnds(
  { ledger }: Served,
  isOver: () => boolean,
): Promise<readonly number[]> {
  const waits: number[] = []
  while (!isOver()) {
    const start = performance.now()
    must(
      await ledger.writer.submit(note(`end ${waits.length}`, { key: null, ending: true })),
    )
    waits.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, endPauseMillis))
  }
  return waits.toSorted((one, other) => one - other)
}

type Served = Readonly<{ ledger: RunningLog; close(): Promise<void> }>

async function openQuiet(folder: string): Promise<Served> {
  const ledger = await openLog({
    ...{ folder: dataIn(folder), anchorPath: anchorIn(folder), origin, signer: logSigner },
    ...ports,
  })
  return { ledger, close: ledger.close }
}

async function openAndAnswer(folder: string): Promise<Served> {
  const server = await openServer(folder)
  const health = await server.app.fetch(new Request('http://server/healthz'))
  await health.text()
  return server
}

async function start(
  folder: string,
  open: (folder: string) => Promise<Served>,
): Promise<void> {
  const began = performance.now()
  const server = await open(folder)
  const { ledger } = server
  const entries = ledger.store.view().head().size
  const ready = performance.now() - began
  let isAsked = false
  process.once('SIGTERM', () => {
    isAsked = true
  })
  const isVerified = () => isAsked || ledger.safeMode.causes().length === 0
  const told: (number | null)[] = []
  const asking = setInterval(
    () => told.push(ledger.check.progress()?.secondsLeft ?? null),
    5000,
  )
  const waits = await submitEnds(server, isVerified)
  const verified = performance.now() - began
  clearInterval(asking)
  const at = (share: number) =>
    Math.round(waits[Math.floor((waits.length - 1) * share)] ?? 0)
  process.stdout.write(
    `${JSON.stringify({
      bench: open === openQuiet ? 'long_log_start' : 'backlog_start',
      entries,
      readySeconds: seconds(ready),
      verifiedSeconds: seconds(verified),
      verified: ledger.check.progress()?.verified ?? 'all',
      microsPerEntry: Math.round((verified * 1000) / entries),
      entriesAtTheEnd: ledger.store.view().head().size,
      ends: waits.length,
      endMillis: { median: at(0.5), p99: at(0.99), most: at(1) },
      peakRssMiB: mib(process.resourceUsage().maxRSS * 1024),
      secondsLeftToldEvery5: told,
      safeMode: ledger.safeMode.causes(),
      load: readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3),
    })}\n`,
  )
  await server.close()
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'start') return start(String(args[1]), openAndAnswer)
  if (args[0] === 'quiet') return start(String(args[1]), openQuiet)
  if (args[0] === 'write') return write(String(args[1]), Number(args[2]))
  const temp = args[1] === undefined ? tempFolder() : null
  const folder = temp?.folder ?? String(args[1])
  const began = performance.now()
  if (!existsSync(anchorIn(folder))) {
    await write(folder, Number(args[0] ?? 100_000))
    process.stdout.write(`written in ${seconds(performance.now() - began)} s\n`)
  }
  spawnSync(process.execPath, [self, 'start', folder], { stdio: 'inherit' })
  temp?.remove()
}

await main(process.argv.slice(2))
