/**
 * How long the two programs take from being started to being ready, and how much memory they then hold; beside a bare
 * Node process that only listens.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { base64url } from '@halligan/ledger'
import { enroll } from '../../enforcer/src/enroll.ts'
import { seedOf } from '../test/estate-kit.ts'
import { initialised } from '../test/http-kit.ts'

export type Program = 'node' | 'server' | 'enforcer'

/** Times in milliseconds, memory in MiB, one of each for every start. */
export type ProcessBench = Readonly<{
  /** Code read and compiled anew each time, as on a machine that just booted. */
  cold: Readonly<Record<Program, readonly number[]>>
  /** With Node's compile cache, as the estate's programs are started. */
  cached: Readonly<Record<Program, readonly number[]>>
  /** VmRSS a second after it was ready. Empty where there is no /proc. */
  resident: Readonly<Record<Program, readonly number[]>>
}>

/** The enforcer stands before the PostgreSQL whose connector URL lies in `urlFile`. */
export async function benchProcesses(
  starts: number,
  urlFile: string,
): Promise<ProcessBench> {
  const { root, dir, digest } = await initialised()
  try {
    const server = [program('server', 'halligan-server'), 'run', '--dir', dir]
    const first = await started([...server, '--port', '0'], {})
    const url = /http:\S+/.exec(first.words)?.[0] ?? ''
    const enforcerDir = join(root, 'enforcer')
    await enrolled(enforcerDir, url, digest, urlFile).finally(() => first.end())
    const run = ['run', '--dir', enforcerDir]
    const commands = {
      node: ['--eval', bareListener],
      server: [...server, '--port', new URL(url).port],
      enforcer: [program('enforcer', 'halligan-enforcer'), ...run],
    }
    const cache = { NODE_COMPILE_CACHE: join(root, 'cache') }
    const cold = await inTurn(commands, url, starts, { NODE_DISABLE_COMPILE_CACHE: '1' })
    await inTurn(commands, url, 1, cache)
    const cached = await inTurn(commands, url, starts, cache, true)
    return { cold: cold.millis, cached: cached.millis, resident: cached.resident }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const program = (name: string, file: string): string =>
  fileURLToPath(new URL(`../../${name}/bin/${file}.js`, import.meta.url))

/** Says its word as the programs do, once it listens. */
const bareListener = `
  const server = require('node:http').createServer((_, answer) => answer.end())
  server.listen(0, '127.0.0.1', () => console.log('ready'))
`

const guard = `enforcer: enf-payments
targets:
  payments-pg:
    entitlements: [payments-db-repair, payments-db-admin]
    privileges: ["role:payments_repair", "role:payments_admin"]
    routes:
      quorum: { minApprovals: 1 }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [bob]
`

/** As the operator enrols it, with the key that the kit's roster names. */
async function enrolled(dir: string, server: string, trust: string, urlFile: string) {
  mkdirSync(dir, { mode: 0o700 })
  const privately = (name: string, text: string) =>
    writeFileSync(join(dir, name), text, { mode: 0o600 })
  const text = (name: string) => base64url.encode(seedOf(name))
  const keys = { seed: text('enf-payments'), secretKey: text('secret of enf-payments') }
  const targets = { 'payments-pg': { kind: 'postgres', url: { file: urlFile } } }
  privately('key.json', JSON.stringify(keys))
  privately('guard.yaml', guard)
  privately('config.json', JSON.stringify({ enforcer: 'enf-payments', targets }))
  await enroll({ dir, server, trust, targets: [] })
}

type Started = Readonly<{
  millis: number
  words: string
  pid: number
  end(): Promise<void>
}>

/** The enforcer last and while the server runs, for it asks the server first. `looks` says whether at their memory. */
async function inTurn(
  commands: Readonly<Record<Program, readonly string[]>>,
  url: string,
  starts: number,
  env: Readonly<Record<string, string>>,
  looks = false,
) {
  const millis = { node: [], server: [], enforcer: [] } as Record<Program, number[]>
  const resident = { node: [], server: [], enforcer: [] } as Record<Program, number[]>
  for (let i = 0; i < starts; i++) {
    const running: Started[] = []
    try {
      for (const name of ['node', 'server', 'enforcer'] as const) {
        const one = await started(commands[name], env, name === 'server' ? url : null)
        running.push(one)
        millis[name].push(one.millis)
        if (!looks) continue
        await pause(settleMillis)
        resident[name].push(...residentMiB(one.pid))
      }
    } finally {
      for (const one of running.reverse()) await one.end()
    }
  }
  return { millis, resident }
}

const settleMillis = 1000
const mostMillis = 30_000

/** Until it says that it is ready, and, given a URL, until that answers. Throws with its words when it does not. */
async function started(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  url: string | null = null,
): Promise<Started> {
  const start = performance.now()
  const child = spawn(process.execPath, [...args], {
    env: { ...ownEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killed = () => child.kill('SIGKILL')
  process.once('exit', killed)
  const end = () => ended(child).finally(() => process.off('exit', killed))
  try {
    const words = await untilReady(child)
    if (url !== null) await healthy(url)
    return { millis: performance.now() - start, words, pid: child.pid ?? 0, end }
  } catch (error) {
    await end()
    throw error
  }
}

function untilReady(child: ChildProcess): Promise<string> {
  let words = ''
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}: ${words.slice(-2000)}`))
    const late = setTimeout(() => fail('not ready in time'), mostMillis)
    const hear = (text: string) => {
      words += text
      if (/\bready\b/.test(words)) resolve(words)
    }
    child.stdout?.setEncoding('utf8').on('data', hear)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words += text
    })
    child.once('error', reject).once('exit', () => fail('it ended'))
    child.once('close', () => clearTimeout(late))
  })
}

async function healthy(url: string): Promise<void> {
  const answer = await fetch(`${url}/healthz`)
  if (!answer.ok) throw new Error(`/healthz answered ${answer.status}`)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), mostMillis / 3)
  await gone
  clearTimeout(late)
}

/** Our own settings must not reach into the programs. */
const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:HALLIGAN|PG|NODE_)/.test(name)),
  )

function residentMiB(pid: number): readonly number[] {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return []
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'))?.[1]
  return kib === undefined ? [] : [Number(kib) / 1024]
}
