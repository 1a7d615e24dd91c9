import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPayments } from './payments.ts'
import { startPostgres } from './postgres-server.ts'

let dir: string
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-server-'))
  await chmod(dir, 0o711)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const listens = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.unref()
  })

test('data, password and connector survive a power cut, a stop and a new start', async () => {
  const options = { dir: join(dir, 'postgres') }
  const first = await startPostgres(options)
  const made = await createPayments(first.superuserUrl)
  await first.kill()
  await first.restart()
  await first.stop()
  const second = await startPostgres(options)
  const found = await createPayments(second.superuserUrl)
  expect(new URL(found.superuserUrl).password).toBe(new URL(made.superuserUrl).password)
  expect(found.connectorUrl).not.toBe(made.connectorUrl)
  await second.remove()
  expect(existsSync(second.logFile)).toBe(false)
})

test('it runs below a folder that only its owner may enter, and leaves nothing behind', async () => {
  const server = await startPostgres({ dir: join(dir, 'private', 'postgres') })
  expect(await listens(server.port)).toBe(true)
  await server.remove()
  expect(existsSync(server.logFile)).toBe(false)
})

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'it is gone when its starter dies of %s',
  async (signal) => {
    const program = `
    import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'postgres-server.ts'))}
    const server = await startPostgres({ dir: ${JSON.stringify(join(dir, 'postgres'))} })
    process.stdout.write(String(server.port))
    process.kill(process.pid, '${signal}')
    setInterval(() => {}, 1000)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
    const port = Number(stdout.toString())
    expect(port).toBeGreaterThan(0)
    const deadline = performance.now() + 10_000
    while ((await listens(port)) && performance.now() < deadline) await pause(50)
    expect(await listens(port)).toBe(false)
  },
)

test('binaries that do not exist are named', async () => {
  const missing = join(dir, 'nowhere', 'bin')
  await expect(
    startPostgres({ dir: join(dir, 'postgres'), binaries: missing }),
  ).rejects.toThrow('nowhere')
})
