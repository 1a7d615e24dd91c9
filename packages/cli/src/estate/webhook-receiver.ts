/**
 * The example receiver of the webhook connector, as a process of its own, for the drill and the tests.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type WebhookReceiver = Readonly<{
  /** Of calls (POST) and of the page that it guards (GET). */
  url: string
  /** Standard Webhooks' `whsec_...`. */
  secret: string
  usersFile: string
  kill(): Promise<void>
  /** On the same port and file. */
  restart(): Promise<void>
  remove(): Promise<void>
}>

export type WebhookReceiverOptions = Readonly<{
  dir: string
  leaseSeconds?: number
  /** Words that start a receiver which is called as the example is; the example by default. */
  program?: readonly string[]
}>

export const receiverProgram = fileURLToPath(
  new URL('../../../../examples/webhook-receiver/receiver.mjs', import.meta.url),
)

/** With one user of its own, `ops`, who has nothing to do with any grant. */
export async function startWebhookReceiver({
  dir,
  leaseSeconds = 15,
  program = [process.execPath, receiverProgram],
}: WebhookReceiverOptions): Promise<WebhookReceiver> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const usersFile = join(dir, 'users.json')
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const ops = { password: 'ops', until: 32_503_680_000_000 }
  await writeFile(usersFile, JSON.stringify({ ops }), { mode: 0o600 })
  const env = { SECRET: secret, LEASE_SECONDS: String(leaseSeconds) }
  let running = await start([...program, usersFile], { ...env, PORT: '0' })
  const { port } = running
  const kill = () => ended(running.child)
  return {
    url: `http://127.0.0.1:${port}/`,
    ...{ secret, usersFile, kill },
    restart: async () => {
      await kill()
      running = await start([...program, usersFile], { ...env, PORT: String(port) })
    },
    remove: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function start(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
) {
  const child = spawn(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const killed = () => child.kill('SIGKILL')
  process.once('exit', killed)
  child.once('exit', () => process.off('exit', killed))
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve)
    child.once('error', reject).once('exit', () => reject(new Error('it did not start')))
  })
  return { child, port: Number(JSON.parse(line).port) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
