/**
 * `halligan-enforcer`: enrols, checks and runs the daemon near the targets, and ends grants at it. Data goes to standard
 * output, words to standard error.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { type Json, parseGrantId } from '@halligan/core'
import { Command, CommanderError } from 'commander'
import { check } from './check.ts'
import { composeSite } from './compose.ts'
import { pathsIn, readConfig } from './config.ts'
import { startDaemon, usualDaemonPace } from './daemon.ts'
import { enroll } from './enroll.ts'
import { obey } from './local-commands.ts'
import { jsonLog } from './node-ports.ts'
import { askSocket, serveSocket } from './socket.ts'

/** Exit code: 0 done, 1 refused or failed, 64 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0
  const program = new Command('halligan-enforcer')
    .description('The daemon near the targets')
    .exitOverride()
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .requiredOption('--dir <dir>', 'the folder of this enforcer')
      .exitOverride()
  command('enroll', 'make its key, and pin whom it trusts')
    .option('--id <id>', 'its id in the roster')
    .option('--server <url>', 'the control plane')
    .option('--estate <estate>', 'the estate it serves')
    .option('--trust <digest>', "the roster's digest, from the operator's own hand")
    .option('--roster-digest <digest>', 'the same as --trust')
    .option('--target <target...>', 'targets that the roster shall give it', [])
    .action(async ({ target, rosterDigest, ...options }) => {
      const trust = options.trust ?? rosterDigest
      print(await enroll({ ...options, ...(trust ? { trust } : {}), targets: target }))
    })
  command('check', 'look at everything that could fail on the night').action(
    async ({ dir }) => {
      const findings = await check(dir)
      print(findings)
      code = findings.some(({ state }) => state === 'fail') ? 1 : 0
    },
  )
  command('run', 'verify, apply, end and tell, until stopped').action(async ({ dir }) => {
    code = await run(dir)
  })
  command('status', 'what it holds').action(async ({ dir }) => {
    code = await local(dir, { command: 'status' })
  })
  command('end [grant]', 'end a grant here and now, asking nobody')
    .option('--act <file>', "a person's signed revoke act")
    .option('--all', 'everything: the kill switch')
    .action(async (grant, { dir, act, all }) => {
      code = await local(dir, commandFor(grant, act, all), all ? endAllMillis : undefined)
    })
  command('rotate <account>', 'give a shared account a new secret that nobody has')
    .option('--target <target>', 'which, where several keep an account of that name')
    .action(async (account, { dir, target = null }) => {
      code = await local(dir, { command: 'rotate', account, target }, rotateMillis)
    })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
    if (!(error instanceof Error)) throw error
    process.stderr.write(`halligan-enforcer: ${error.message}\n`)
    return 1
  }
}

const print = (value: unknown) =>
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)

type Asked = Readonly<Record<string, never>> | Parameters<typeof askSocket>[1]

function commandFor(grant?: string, act?: string, all?: boolean): Asked {
  if (all) return { command: 'end_all' }
  if (act !== undefined)
    return { command: 'end_act', act: JSON.parse(readFileSync(act, 'utf8')) }
  if (grant !== undefined && !parseGrantId(grant).ok)
    throw new Error(`malformed_grant: ${grant} is no grant id; see status for what is held`)
  if (grant !== undefined) return { command: 'end', grant }
  throw new Error('name a grant, or give --act FILE or --all')
}

/** A rotation logs in to the target with the old secret and the new one. */
const rotateMillis = 60_000
/** All are on disk when it answers, and there may be a hundred thousand. */
const endAllMillis = 300_000

async function local(
  dir: string,
  command: Asked,
  patienceMillis?: number,
): Promise<number> {
  const asking = askSocket(pathsIn(dir).socket, command, patienceMillis)
  const answer = await asking.catch((cause: unknown) => {
    throw new Error(`no enforcer runs on ${dir}`, { cause })
  })
  if (answer.ok) {
    print(answer.value)
    if (heldNothing(answer.value)) process.stderr.write(nothingHeld)
    return 0
  }
  process.stderr.write(`halligan-enforcer: ${answer.code}: ${answer.reason}\n`)
  return 1
}

/** Not a refusal: the grant is fenced off all the same. But whoever mistyped its id must not go home. */
const nothingHeld =
  'halligan-enforcer: nothing was held here under this id, so no access was ended; it will never be opened. Compare the id with status.\n'

const heldNothing = (value: Json): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'held' in value &&
  Array.isArray(value.held) &&
  value.held.length === 0

/** Resolves once told to stop, or with 1 after a broken promise: whoever supervises it starts it again. */
async function run(dir: string): Promise<number> {
  const site = composeSite(dir)
  const { driftSeconds = 60 } = readConfig(dir)
  const pace = { ...usualDaemonPace, driftMillis: driftSeconds * 1000 }
  const over = Promise.withResolvers<number>()
  const daemon = await startDaemon(site, pace, (error) => {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    jsonLog({ level: 'alarm', what: 'broken', why })
    over.resolve(1)
  })
  const socket = await serveSocket(pathsIn(dir).socket, async (command) => {
    const answer = await obey(site, daemon.due, command)
    daemon.due.look()
    return answer
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => over.resolve(0))
  print({ ready: true, enforcer: site.enforcer, targets: [...site.connectors.keys()] })
  const code = await over.promise
  socket.close()
  await daemon.stop()
  site.books.close()
  return code
}
