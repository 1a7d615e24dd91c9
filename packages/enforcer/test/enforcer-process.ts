/**
 * A whole enforcer as a process of its own on a folder of its own, with a control plane that is away: for what only a process
 * can suffer, such as SIGKILL, SIGSTOP and a full disk.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { GrantId, Instant, Json, PrincipalId, SealKey } from '@halligan/core'
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { makeFolder, makeKeys, pathsIn, readKeys, writeConfig } from '../src/config.ts'
import type { Credential } from '../src/connectors/port.ts'
import { hostClock, hostRandom } from '../src/node-ports.ts'
import { askSocket } from '../src/socket.ts'
import { advance, unheld } from '../src/state.ts'
import type { Books } from '../src/store/port.ts'
import { openBooks } from '../src/store/sqlite.ts'

const program = new URL('../bin/halligan-enforcer.js', import.meta.url).pathname

export type EnforcerProcess = Readonly<{
  dir: string
  /** Only while no process runs: the books have one holder. */
  onBooks<T>(work: (books: Books) => T): T
  /** As if an order had been verified and written down this instant. */
  accept(grant: GrantId, lifeMillis: number, privilege: string): void
  /** Resolves once it says that it is ready; `inside` are words before the program's own. */
  start(inside?: readonly string[]): Promise<ChildProcess>
  /** Resolves once it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  status(): Promise<Json>
  /** What was sealed to the requester so far, opened. Only while no process runs. */
  credentials(): Promise<readonly Credential[]>
  /** What the process wrote to its log. */
  log(): string
  remove(): Promise<void>
}>

const guardOf = (target: string, privileges: readonly string[]) => `
enforcer: enf-payments
targets:
  ${target}:
    entitlements: [payments-db-repair]
    privileges: ${JSON.stringify(privileges)}
    routes: { quorum: { minApprovals: 1 } }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [dee]
`

export async function enforcerProcess(
  target: string,
  settings: Readonly<{ kind: string } & Record<string, unknown>>,
  privileges: readonly string[],
): Promise<EnforcerProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'halligan-enforcer-'))
  makeFolder(dir)
  makeKeys(dir, hostRandom.bytes)
  const origin = { server: 'http://127.0.0.1:1', estate: 'example' }
  const rosterDigest = `sha256:${'0'.repeat(64)}` as const
  const targets = { [target]: settings }
  writeConfig(dir, { enforcer: 'enf-payments', ...origin, rosterDigest, targets })
  writeFileSync(pathsIn(dir).guard, guardOf(target, privileges))
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', {
    crv: 'X25519',
    extractable: true,
  })
  const sealTo = (await exportJWK(publicKey)) as SealKey
  let child: ChildProcess | null = null
  let log = ''

  const onBooks = <T>(work: (books: Books) => T): T => {
    const books = openBooks(pathsIn(dir).books, readKeys(dir).secretKey)
    try {
      return work(books)
    } finally {
      books.close()
    }
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const dying = child
    child = null
    if (dying === null || dying.exitCode !== null || dying.signalCode !== null) return
    const gone = once(dying, 'exit')
    dying.kill(signal)
    await gone
  }
  return {
    dir,
    onBooks,
    accept: (grant, lifeMillis, privilege) =>
      onBooks((books) => acceptIn(books, { grant, target, lifeMillis, privilege, sealTo })),
    async start(inside = []) {
      const [first = process.execPath, ...words] = [
        ...inside,
        ...[process.execPath, program, 'run', '--dir', dir],
      ]
      child = spawn(first, words, { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stderr?.on('data', (chunk) => {
        log += chunk
      })
      const { stdout } = child
      if (stdout !== null) await Promise.race([once(stdout, 'data'), once(child, 'exit')])
      return child
    },
    kill,
    signal: (signal) => void child?.kill(signal),
    async status() {
      const answer = await askSocket(pathsIn(dir).socket, { command: 'status' })
      if (!answer.ok) throw new Error(answer.reason)
      return answer.value
    },
    credentials: async () => {
      const sealed = onBooks((books) =>
        books.outgoing(1000).flatMap(({ delivery }) => delivery.sealed ?? []),
      )
      const opened = sealed.map(async ({ jwe }) => {
        const { plaintext } = await compactDecrypt(jwe, privateKey)
        return JSON.parse(new TextDecoder().decode(plaintext)) as Credential
      })
      return Promise.all(opened)
    },
    log: () => log,
    async remove() {
      await kill()
      rmSync(dir, { recursive: true })
    },
  }
}

type Accepting = Readonly<{
  grant: GrantId
  target: string
  lifeMillis: number
  privilege: string
  sealTo: SealKey
}>

function acceptIn(
  books: Books,
  { grant, target, lifeMillis, privilege, sealTo }: Accepting,
): void {
  const clocks = hostClock().read()
  const notAfter = (clocks.wall + lifeMillis) as Instant
  const [, account] = /^account:(.+)$/.exec(privilege) ?? []
  const hold = advance(unheld(grant, target), {
    kind: 'accepted',
    order: {
      orderDigest: `sha256:${'7'.repeat(64)}`,
      orderIndex: 7,
      overlapKey: `${target}/${account === undefined ? grant : privilege}`,
      privileges: [privilege],
      sealTo,
      applyBefore: (clocks.wall + 120_000) as Instant,
      notAfter,
      requester: 'ada' as PrincipalId,
      ...(account === undefined ? {} : { account }),
      approvers: ['bob' as PrincipalId],
    },
    bound: {
      bootId: clocks.bootId,
      bootAtAccept: clocks.bootMillis,
      wallAtAccept: clocks.wall,
      remainingMillis: lifeMillis,
      notAfter,
    },
    before: '[]',
  })
  if (!hold.ok) throw new Error(hold.error.code)
  books.keepHold(hold.value)
}

/** Polls: what is waited for happens in another process. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  millis = 20_000,
): Promise<void> {
  const deadline = performance.now() + millis
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in ${millis} ms: ${what}`)
    await pause(25)
  }
}
